//! The programs that are measured. Peers that come as libraries get a small program of their own under `target/peers`:
//! built there at a fixed version, never linked to ours (linux-audit-parser is LGPL).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::root;

const LINUX_AUDIT_PARSER: &str = "0.2.8";
const GO_LIBAUDIT: &str = "v2.6.2";

/// One program over one input.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    pub(super) command: Command,
    /// Where it writes a line for each event, if it does not say how many they are.
    pub(super) lines: Option<PathBuf>,
}

/// What stands in `folder` to be run.
pub(super) struct Peers {
    folder: PathBuf,
    go_audit: Option<PathBuf>,
}

impl Peers {
    /// Builds those that have to be built; a peer that cannot be had is said and left out.
    pub(super) fn build(go_audit: Option<PathBuf>) -> Result<Self> {
        let peers = Self { folder: root().join("target/peers"), go_audit };
        for (name, built) in [
            ("linux-audit-parser", peers.linux_audit_parser()),
            ("go-libaudit", peers.go_libaudit()),
            ("go-audit", peers.go_audit()),
        ] {
            if let Err(error) = built {
                println!("{name} is left out: {error:#}");
            }
        }
        Ok(peers)
    }

    fn linux_audit_parser(&self) -> Result<()> {
        let folder = self.folder.join("linux_audit_parser");
        let manifest = format!(
            "[package]\nname = \"peer\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n\
             linux-audit-parser = \"={LINUX_AUDIT_PARSER}\"\n[profile.release]\nlto = \"thin\"\ncodegen-units = 4\n"
        );
        write(&folder.join("Cargo.toml"), &manifest)?;
        write(&folder.join("src/main.rs"), include_str!("linux_audit_parser.rs.txt"))?;
        run(Command::new("cargo")
            .args(["build", "--quiet", "--release", "--target-dir", "target"])
            .current_dir(&folder))
    }

    fn go_libaudit(&self) -> Result<()> {
        let folder = self.folder.join("go_libaudit");
        write(&folder.join("go.mod"), "module peer\n\ngo 1.21\n")?;
        write(&folder.join("main.go"), include_str!("go_libaudit.go.txt"))?;
        run(go(&folder).args(["get", &format!("github.com/elastic/go-libaudit/v2/aucoalesce@{GO_LIBAUDIT}")]))?;
        run(go(&folder).args(["build", "-o", "peer", "."]))
    }

    /// Three files of its source, which need the standard library only.
    fn go_audit(&self) -> Result<()> {
        let source = self.go_audit.as_deref().context("--go-audit names no folder with its source")?;
        let folder = self.folder.join("go_audit");
        write(&folder.join("go.mod"), "module peer\n\ngo 1.21\n")?;
        write(&folder.join("main.go"), include_str!("go_audit.go.txt"))?;
        for name in ["parser.go", "marshaller.go", "writer.go"] {
            fs::copy(source.join(name), folder.join(name)).with_context(|| format!("no {name}"))?;
        }
        run(go(&folder).args(["build", "-o", "peer", "."]))
    }

    /// All programs for the records in `input`.
    pub(super) fn contestants(
        &self,
        ours: &Path,
        input: &Path,
        scratch: &Path,
        ausearch: bool,
    ) -> Result<Vec<Contestant>> {
        let replay = |more: &[&str]| {
            let mut command = Command::new(ours);
            command.arg("replay").arg(input).args(["--format", "raw", "--stats", "--out", "/dev/null"]).args(more);
            command
        };
        let mut all = vec![
            Contestant { name: "auditng replay", command: replay(&[]), lines: None },
            Contestant { name: "auditng replay --no-original", command: replay(&["--no-original"]), lines: None },
        ];
        if Path::new(LAUREL).exists() {
            all.push(laurel("laurel (its own JSON)", "", &scratch.join("laurel"))?);
            all.push(laurel("laurel, enriching", LAUREL_ENRICHING, &scratch.join("laurel-enriching"))?);
        } else {
            println!("laurel is left out: it is not installed (apt install laurel)");
        }
        for (name, program) in [
            ("go-libaudit (parse, coalesce, JSON)", "go_libaudit/peer"),
            ("go-audit (its JSON)", "go_audit/peer"),
            ("linux-audit-parser (parse only)", "linux_audit_parser/target/release/peer"),
        ] {
            let program = self.folder.join(program);
            if program.exists() {
                all.push(Contestant { name, command: Command::new(program), lines: None });
            }
        }
        if ausearch {
            let mut command = Command::new("ausearch");
            command.args(["--format", "raw", "-if"]).arg(input);
            all.push(Contestant { name: "ausearch --format raw", command, lines: None });
        }
        Ok(all)
    }
}

const LAUREL: &str = "/usr/sbin/laurel";
const LAUREL_ENRICHING: &str =
    "[translate]\nuniversal = true\nuser-db = true\n[enrich]\npid = true\ncontainer = true\nscript = true\n";

fn laurel(name: &'static str, more: &str, folder: &Path) -> Result<Contestant> {
    let log = "statusreport-period = 0\n[auditlog]\nfile = \"out.log\"\nsize = 10000000000\ngenerations = 1\n";
    let config = folder.join("laurel.toml");
    write(&config, &format!("directory = \"{}\"\n{log}{more}", folder.display()))?;
    let mut command = Command::new(LAUREL);
    command.arg("-c").arg(config);
    Ok(Contestant { name, command, lines: Some(folder.join("out.log")) })
}

fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    Ok(fs::write(path, text)?)
}
