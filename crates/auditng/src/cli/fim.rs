//! `auditng fim`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ServerAt;

/// File integrity: what changed on this host since it was approved.
///
/// With a running agent these ask it through its socket in the state folder; without one they look at the files and the
/// baseline themselves.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
             baseline                 scan                     verify                  status          report
  0          written, nothing to do   no difference            all agree               all covered     nothing open
  1          differs, no --update     differences              tampered, rolled back   degraded        open, or NOT MET
  3          a root is unreadable     no baseline, or refused  missing or unreadable   unreadable      unreadable
  4                                   the kernel refused       the server did          the agent did   the server did

Examples:
  sudo auditng fim baseline
  sudo auditng fim scan || sudo auditng fim baseline --update /etc/ssh --reason 'ticket 4711'
  auditng fim baseline /srv/www --state-dir ./www && auditng fim scan --state-dir ./www
  sudo auditng fim verify --expect-root \"$(cat root-noted-elsewhere)\"")]
pub(crate) struct Fim {
    #[command(subcommand)]
    pub(crate) action: FimAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum FimAction {
    Baseline(FimBaseline),
    Scan(FimScan),
    Verify(FimVerify),
    Status(FimStatus),
    Report(FimReport),
}

/// Where the baseline lies, and how answers are printed.
#[derive(Args, Debug, Clone)]
pub(crate) struct FimAt {
    /// Settings of the agent, of which [fim] is used; default /etc/auditng/agent.toml if it is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the baseline; default as the settings say, for others than root ~/.local/share/auditng/fim.
    #[arg(long, value_name = "DIR", env = "AUDITNG_FIM_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = FimFormat::Table)]
    pub(crate) format: FimFormat,
}

/// How answers are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FimFormat {
    /// For people.
    Table,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Ndjson,
    /// Comma-separated, with a heading.
    Csv,
}

/// Record how everything is now, or approve what has changed.
///
/// The first time this looks at everything and signs it as generation 1. Later it compares; with --update what differs is
/// approved as a new generation, with the reason. Paths given the first time are watched instead of what the settings say;
/// with --update they say what is approved.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo auditng fim baseline --reason 'fresh install'
  sudo auditng fim baseline --update /etc/nginx --reason 'ticket 4711'
  auditng fim baseline /usr --state-dir ./usr          a tree of your choice
  auditng fim baseline --list --format json
  auditng fim baseline --export baseline.ndjson")]
pub(crate) struct FimBaseline {
    /// Trees to watch (first time), or what to approve (with --update); none: everything.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Approve what differs.
    #[arg(long)]
    pub(crate) update: bool,
    /// Why; kept with the generation and signed.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Only list the generations.
    #[arg(long, conflicts_with_all = ["update", "paths", "export"])]
    pub(crate) list: bool,
    /// Only write what was last seen as NDJSON; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["update", "paths"])]
    pub(crate) export: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: FimAt,
}

/// Look at the files and compare with what was approved. Exit 1: something differs.
///
/// Reads again what its metadata says changed; the change time cannot be set back, so this finds a file whose size and
/// modification time were restored. Without an agent nothing is moved on: what differs is told by every scan until it is
/// approved, and by the agent when it starts.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo auditng fim scan
  sudo auditng fim scan --full --path /usr/bin --rate 50MiB
  sudo auditng fim scan --meta --format ndjson | jq -r .path")]
pub(crate) struct FimScan {
    /// Read every byte again.
    #[arg(long, conflicts_with = "meta")]
    pub(crate) full: bool,
    /// Read only what its metadata says changed; this is the default.
    #[arg(long)]
    pub(crate) meta: bool,
    /// Only what this policy asks for.
    #[arg(long, value_name = "ID")]
    pub(crate) policy: Option<String>,
    /// Only this path and what lies below it; can be given several times.
    #[arg(long = "path", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Most bytes read in a second: 50MiB; 0B is as fast as it goes. Default: as fast as it goes.
    #[arg(long, value_name = "BYTES")]
    pub(crate) rate: Option<String>,
    #[command(flatten)]
    pub(crate) at: FimAt,
}

/// Check the baseline itself: signatures, the tree from its leaves up, the chain of generations, the counter.
///
/// Whoever is root here can sign what they like from now on. What they cannot change is what somebody else noted: the server
/// (--server), or you (--expect-root).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo auditng fim verify
  sudo auditng fim verify --expect-root 7d1f...            the root of a generation, noted elsewhere
  sudo auditng fim verify --server https://siem.example:9280 --token-file token")]
pub(crate) struct FimVerify {
    /// Only this generation; default: the last.
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<u64>,
    /// The root that it must have.
    #[arg(long, value_name = "HEX")]
    pub(crate) expect_root: Option<String>,
    /// Ask this server what it was told of this host's generations.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with an API token for that server; or the variable AUDITNG_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: FimAt,
}

/// What is watched and how, what is open, and what applies to a path. Exit 1: degraded.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo auditng fim status
  sudo auditng fim status --explain /etc/ssh/sshd_config
  auditng fim status --as-toml > fim.d/imported.toml
  auditng fim status --audit-rules > /etc/audit/rules.d/50-fim.rules")]
pub(crate) struct FimStatus {
    /// Which policies ask for this path, and what is known of it.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["as_toml", "audit_rules"])]
    pub(crate) explain: Option<PathBuf>,
    /// Print the policies, imported ones too, as they would be written.
    #[arg(long, conflicts_with = "audit_rules")]
    pub(crate) as_toml: bool,
    /// Print the policies as kernel audit rules.
    #[arg(long)]
    pub(crate) audit_rules: bool,
    #[command(flatten)]
    pub(crate) at: FimAt,
}

/// What was watched, compared and found, for people, programs and assessors. Exit 1: something is open, or NOT MET.
///
/// Reads from the server that is named, or whose data folder this is; with --state-dir, or where there is no server, from the
/// baseline of this host alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  auditng fim report --from now-30d
  auditng fim report --from 2026-11-01 --to 2026-11-30 --evidence pci --out november.html
  auditng fim report --evidence nist --format ndjson | jq 'select(.record == \"requirement\")'
  sudo auditng fim report --state-dir /var/lib/auditng/fim --evidence pci")]
pub(crate) struct FimReport {
    /// At or after this: date math (`now-7d`), a date, RFC 3339 or epoch milliseconds.
    #[arg(long, value_name = "TIME", default_value = "now-7d")]
    pub(crate) from: String,
    /// Up to this.
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub(crate) to: String,
    /// With a verdict for each requirement: PCI DSS 4.0.1 11.5.2 and 10.3.4, or NIST SP 800-53 SI-7 and SI-7(1).
    #[arg(long, value_enum, value_name = "STANDARD")]
    pub(crate) evidence: Option<FimEvidence>,
    /// File to write; its ending says the format where --format does not.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How to write.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ReportFormat>,
    /// Settings of the agent, for a report of this host alone; default /etc/auditng/agent.toml if it is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Report of this host alone, from the baseline in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub(crate) state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// Whose requirements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum FimEvidence {
    /// PCI DSS 4.0.1.
    Pci,
    /// NIST SP 800-53 revision 5.
    Nist,
}

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// One table.
    Csv,
    /// One file for a browser or a printer.
    Html,
}
