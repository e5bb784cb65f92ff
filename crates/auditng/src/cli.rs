//! What can be typed. Each command's help ends with examples that work as they stand.

mod fim;

use std::path::PathBuf;

pub(crate) use self::fim::{
    Fim, FimAction, FimAt, FimBaseline, FimEvidence, FimFormat, FimReport, FimScan, FimStatus, FimVerify, ReportFormat,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// System call auditing and file integrity monitoring for Linux hosts and their containers.
#[derive(Parser, Debug)]
#[command(
    name = "auditng",
    version,
    max_term_width = 110,
    after_help = "\
Exit codes: 0 done, 1 findings or differences, 2 usage, 3 input unreadable, 4 a server or the kernel refused, 5 internal.

Examples:
  sudo auditng up                                         watch this host and show the page
  auditng replay /var/log/audit/audit.log --out ndjson    recorded logs as events
  auditng search 'process.name:curl and not user.name:root' --from now-1h"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Up(Up),
    Serve(Serve),
    Replay(Replay),
    Search(Search),
    Sql(Sql),
    AuditRules(AuditRules),
    Fim(Fim),
    Doctor(Doctor),
    Completions(Completions),
}

/// Run everything on this machine: agent, server and page in one process.
///
/// Prints the address of the page with a one-time link for the first login, which sources are on or off and why, and where
/// the data lies. SIGTERM or Ctrl-C drains and stops within 5 seconds.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo auditng up
  auditng up --no-agent --data-dir ./data          only the server half, as yourself
  sudo auditng up --listen 127.0.0.1:0             any free port")]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where the page and the interface listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9280")]
    pub(crate) listen: String,
    /// Do not watch this host.
    #[arg(long)]
    pub(crate) no_agent: bool,
    /// Server settings (etc/server.toml shows all keys).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Agent settings (etc/agent.toml shows all keys).
    #[arg(long, value_name = "FILE")]
    pub(crate) agent_config: Option<PathBuf>,
    /// Listen on an address other than loopback without TLS: everything, passwords too, can be read on the way.
    #[arg(long)]
    pub(crate) insecure_http: bool,
}

/// Run the server half: ingest, store, page.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng serve --data-dir /var/lib/auditng
  auditng-agent run --server http://127.0.0.1:9280 --token-file token      the other half")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Where the page and the interface listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9280")]
    pub(crate) listen: String,
    /// Server settings (etc/server.toml shows all keys).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen on an address other than loopback without TLS.
    #[arg(long)]
    pub(crate) insecure_http: bool,
}

/// Turn recorded audit logs into events: print them, count them, or feed them to a server.
///
/// Inputs may be plain, gzip or zstd; `-` is standard input. Without --to and --out the events go to the server of this
/// machine. Replaying the same input twice adds nothing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng replay audit.log audit.log.1.gz --out ndjson | jq .process.executable
  auditng replay capture.netlink.zst --stats --out /dev/null
  ssh host cat /var/log/audit/audit.log | auditng replay - --to http://127.0.0.1:9280 --token-file token")]
pub(crate) struct Replay {
    /// Files to read, in this order; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What the files hold; `auto` decides for each file and says what it decided.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    pub(crate) format: Format,
    /// Server to feed.
    #[arg(long, value_name = "URL", conflicts_with = "out")]
    pub(crate) to: Option<String>,
    /// `ndjson` prints one event a line; anything else is a file to write.
    #[arg(long, value_name = "ndjson|FILE")]
    pub(crate) out: Option<String>,
    /// Print counts and speed as one JSON line on standard error at the end.
    #[arg(long)]
    pub(crate) stats: bool,
    /// Leave the raw records out of the events.
    #[arg(long)]
    pub(crate) no_original: bool,
    /// Give not the records' own events but the changes of files that they tell of, by the policies of this file (as in
    /// fim.d): `auditng.fim.verified` is false, since nobody can look at the files any more.
    #[arg(long, value_name = "FILE")]
    pub(crate) fim_policies: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// Formats of recorded input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// Decide by the first 64 KiB.
    Auto,
    /// auditd's log in any wrapping: syslog or kernel log prefixes, journalctl's export, JSON and short forms.
    Raw,
    /// The same with auditd's interpretation behind each record.
    Enriched,
    /// JSON of go-audit or go-audit-container.
    GoAudit,
    /// Captured netlink messages.
    Netlink,
    /// Events of our own.
    Ndjson,
}

/// Search the events of a server.
///
/// The query is Lucene-style: `field:value`, AND, OR, NOT, brackets, `*` and `?`, ranges; a space means AND.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng search 'process.executable:\"/usr/bin/curl\"' --from now-15m
  auditng search 'event.action:exec user.id:0' --count
  auditng search 'file.path:/etc/*' --format json | jq .source.user.name")]
pub(crate) struct Search {
    /// What to look for; empty: everything.
    #[arg(default_value = "", value_name = "QUERY")]
    pub(crate) query: String,
    /// At or after this: date math (`now-1h`), RFC 3339 or epoch milliseconds.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// How many events to show.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) size: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Print::Table)]
    pub(crate) format: Print,
    /// Print only how many match.
    #[arg(long)]
    pub(crate) count: bool,
    /// Columns of table and csv, comma-separated field names.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Only these streams: audit, fim, query, log, health, alert, anomaly, other.
    #[arg(long, value_name = "STREAMS", value_delimiter = ',')]
    pub(crate) streams: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// How answers are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Print {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
    /// Comma-separated, with a heading.
    Csv,
}

/// Ask with SQL: read-only, over the stored events.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng sql 'SELECT \"process.name\", count(*) AS n FROM audit GROUP BY 1 ORDER BY n DESC LIMIT 10'
  auditng sql \"SELECT * FROM events WHERE \\\"@timestamp\\\" > '2026-11-24' LIMIT 5\" --format json")]
pub(crate) struct Sql {
    /// One SELECT. Tables: events, and one for each stream.
    #[arg(value_name = "SELECT")]
    pub(crate) statement: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Print::Table)]
    pub(crate) format: Print,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// Kernel audit rules in auditctl's syntax.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng audit-rules check /etc/audit/rules.d
  auditng audit-rules compile etc/rules.d/10-auditng.rules --format json
  sudo auditng audit-rules diff etc/rules.d
  sudo auditng audit-rules load /etc/audit/rules.d --all")]
pub(crate) struct AuditRules {
    #[command(subcommand)]
    pub(crate) action: RulesAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RulesAction {
    /// Report every error and doubtful rule with its place. Exit 1: doubtful, 2: errors.
    Check(RuleFiles),
    /// Print the rules as the kernel takes them.
    Compile(CompileRules),
    /// Bring the kernel to these rules without a moment in which a kept one is absent. Exit 4: the kernel refused some, or is
    /// locked.
    Load(LoadRules),
    /// Compare with what the kernel has. Exit 1: they differ.
    Diff(DiffRules),
    /// Show the kernel's audit status and how many rules it has.
    Status(StatusFormat),
}

#[derive(Args, Debug)]
pub(crate) struct RuleFiles {
    /// Rule files, or directories whose *.rules are taken in augenrules order; none: the built-in rules.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    pub(crate) format: TextOrJson,
}

#[derive(Args, Debug)]
pub(crate) struct CompileRules {
    /// Rule files, or directories whose *.rules are taken in augenrules order; none: the built-in rules.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = CompiledFormat::Text)]
    pub(crate) format: CompiledFormat,
}

/// How compiled rules are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum CompiledFormat {
    /// One spelling for each rule.
    Text,
    /// A line with text and bytes (in hex) for each rule.
    Json,
    /// The bytes as the kernel takes them, one rule behind the other: 1,040 bytes, then as many as their last word says.
    Raw,
}

#[derive(Args, Debug)]
pub(crate) struct LoadRules {
    #[command(flatten)]
    pub(crate) of: DiffRules,
    /// Then lock rules and settings until the next boot (-e 2), if the kernel shows exactly these rules.
    #[arg(long)]
    pub(crate) lock: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DiffRules {
    #[command(flatten)]
    pub(crate) rules: RuleFiles,
    /// These files are the whole truth: rules that others loaded go too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Where it is kept which rules this command loaded, until the next boot.
    #[arg(long, value_name = "FILE", default_value = "/run/auditng/audit-rules.state")]
    pub(crate) state: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct StatusFormat {
    /// How to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    pub(crate) format: TextOrJson,
}

/// How a report is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Check what this machine offers and what is in the way, and say what to do. Exit 1: something is.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo auditng doctor
  auditng doctor --format json | jq '.[] | select(.state != \"ok\")'")]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The configuration of the agent on this machine, to compare its rules and settings; none: as `auditng up` runs it.
    #[arg(long, value_name = "FILE")]
    pub(crate) agent_config: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    pub(crate) format: TextOrJson,
}

/// Print the completion script of a shell.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng completions bash > /etc/bash_completion.d/auditng
  auditng completions zsh > \"${fpath[1]}/_auditng\"")]
pub(crate) struct Completions {
    /// Which shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Where the data lies.
#[derive(Args, Debug, Clone)]
pub(crate) struct Place {
    /// Folder of the data; default /var/lib/auditng as root, else ~/.local/share/auditng.
    #[arg(long, value_name = "DIR", env = "AUDITNG_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Which server, and who asks. Without them the server whose data folder this is, found by the file `cli.json` that only
/// its owner can read.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServerAt {
    /// Address of the server.
    #[arg(long = "server", value_name = "URL", env = "AUDITNG_SERVER")]
    pub(crate) url: Option<String>,
    /// File with an API token; or the variable AUDITNG_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
}

impl Place {
    /// The folder given, or the default of this user.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| {
            let home = std::env::var_os("HOME").filter(|_| !rustix::process::geteuid().is_root());
            home.map_or_else(
                || PathBuf::from("/var/lib/auditng"),
                |home| PathBuf::from(home).join(".local/share/auditng"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("auditng {}", command.get_name())), "{}", command.get_name());
        }
    }
}
