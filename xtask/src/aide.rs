//! `auditng fim` beside AIDE over one tree: the same attributes, warm, in turns, and the same answers, or the figures mean nothing.
//!
//! Rows: `init` against `baseline`, `check` against `scan --full`, of the tree as it is; then the same check of a copy in which a
//! thousand things were changed, where both must name the same paths. Needs AIDE, GNU time, setfattr and setfacl; wants root.

mod planted;
mod said;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::workspace::{root, run};

#[derive(Args)]
pub(crate) struct Aide {
    /// The tree that is compared; it is only read.
    #[arg(long, default_value = "/usr")]
    tree: PathBuf,
    /// A part of it that is copied, changed and checked.
    #[arg(long, default_value = "/usr/share")]
    copied: PathBuf,
    /// So many changes of each of ten kinds.
    #[arg(long, default_value_t = 100)]
    changes: usize,
    /// Rounds, each both in turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads of both.
    #[arg(long, default_value_t = 1)]
    threads: u8,
    /// A built auditng, in place of building one.
    #[arg(long, value_name = "FILE")]
    auditng: Option<PathBuf>,
}

/// What one run cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu: f64,
    wall: f64,
    peak_mib: f64,
    exit: i32,
}

/// Both programs with their settings for one tree.
struct Pair<'a> {
    auditng: &'a Path,
    folder: &'a Path,
    tree: &'a Path,
}

impl Aide {
    pub(crate) fn run(&self) -> Result<()> {
        let auditng = match &self.auditng {
            Some(built) => std::path::absolute(built)?,
            None => {
                run("cargo", &["build", "--quiet", "--release", "--package", "auditng"])?;
                root().join("target/release/auditng")
            }
        };
        let folder = tempfile::Builder::new().prefix("auditng-aide").tempdir()?;
        said_versions()?;
        let pair = Pair { auditng: &auditng, folder: folder.path(), tree: &self.tree };
        pair.settings(self.threads)?;
        warm(&self.tree)?;
        let mut costs = Costs::default();
        for round in 1..=self.rounds {
            println!("round {round} of {}", self.rounds);
            pair.round(&mut costs)?;
        }
        pair.equal_work()?;
        costs.print(&format!("{}, {} threads", self.tree.display(), self.threads));
        self.changed(&auditng)
    }

    /// A copy, known to both, then changed: both must name the same paths.
    fn changed(&self, auditng: &Path) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("auditng-aide").tempdir()?;
        let copy = folder.path().join("tree");
        checked(Command::new("cp").args(["-a", "--reflink=auto"]).arg(&self.copied).arg(&copy))?;
        let pair = Pair { auditng, folder: folder.path(), tree: &copy };
        pair.settings(self.threads)?;
        pair.aide("--init")?;
        std::fs::rename(folder.path().join("aide.new"), folder.path().join("aide.db"))?;
        pair.fresh()?;
        let planted = planted::plant(&copy, self.changes)?;
        warm(&copy)?;
        let mut costs = Costs::default();
        for _ in 0..self.rounds {
            let aide = pair.aide("--check")?;
            ensure!(aide.exit == 7, "aide --check: exit {}", aide.exit);
            costs.add("check after changes", "aide", aide);
            let ours = pair.ours(&["scan", "--full", "--format", "ndjson"])?;
            ensure!(ours.exit == 1, "auditng fim scan: exit {}", ours.exit);
            costs.add("check after changes", "auditng", ours);
        }
        let (theirs, ours) = (pair.named_by_aide()?, pair.named_by_us()?);
        costs.print(&format!("a copy of {}, {} changes", self.copied.display(), planted.len()));
        for path in &planted {
            ensure!(
                theirs.contains(path) && ours.contains(path),
                "{path}: AIDE {}, auditng {}",
                theirs.contains(path),
                ours.contains(path)
            );
        }
        // AIDE tells a folder's own times and links when something comes or goes in it; here that is told with what came or went.
        let more: Vec<_> = theirs.difference(&ours).filter(|path| !Path::new(path).is_dir()).collect();
        ensure!(more.is_empty(), "AIDE alone: {more:?}");
        let more: Vec<_> = ours.difference(&theirs).collect();
        ensure!(more.is_empty(), "auditng alone: {more:?}");
        println!("both name the same {} paths, and AIDE {} folders beside", ours.len(), theirs.len() - ours.len());
        Ok(())
    }
}

impl Pair<'_> {
    /// The same attributes for both: AIDE's `p+u+g+s+m+c+i+n+sha256+acl+xattrs+caps+ftype+l`, ours always has them all.
    fn settings(&self, threads: u8) -> Result<()> {
        let (folder, tree) = (self.folder.display(), self.tree.display());
        let aide = format!(
            "database_in=file:{folder}/aide.db\ndatabase_out=file:{folder}/aide.new\ngzip_dbout=no\nnum_workers={threads}\n\
             report_format=json\nreport_url=file:{folder}/aide.report\n\
             Same = p+u+g+s+m+c+i+n+sha256+acl+xattrs+caps+ftype+l\n{tree} Same\n"
        );
        std::fs::write(self.folder.join("aide.conf"), aide)?;
        let ours = format!(
            "[fim]\nuse_defaults = false\nexclude = []\nhash = [\"sha256\"]\nstate_dir = \"{folder}/state\"\ndir = \"{folder}/none\"\n\
             [fim.scan]\nrate = \"0B\"\nthreads = {threads}\n\
             [[fim.policy]]\nid = \"tree\"\npaths = [\"{tree}/\"]\nmax_file_size = \"1024GiB\"\n"
        );
        Ok(std::fs::write(self.folder.join("agent.toml"), ours)?)
    }

    fn aide(&self, action: &str) -> Result<Cost> {
        // It appends where there is a report already.
        std::fs::write(self.folder.join("aide.report"), "")?;
        let mut command = timed(self.folder, Path::new("aide"));
        command.args([action, "--config"]).arg(self.folder.join("aide.conf"));
        self.cost(command)
    }

    fn ours(&self, words: &[&str]) -> Result<Cost> {
        let mut command = timed(self.folder, self.auditng);
        command.arg("fim").args(words).arg("--config").arg(self.folder.join("agent.toml"));
        self.cost(command)
    }

    /// Ours from nothing.
    fn fresh(&self) -> Result<Cost> {
        let state = self.folder.join("state");
        if state.exists() {
            std::fs::remove_dir_all(&state)?;
        }
        self.ours(&["baseline"])
    }

    fn cost(&self, mut command: Command) -> Result<Cost> {
        let out = std::fs::File::create(self.folder.join("out"))?;
        let exit = command.stdout(out).stderr(Stdio::null()).status()?.code().unwrap_or(-1);
        let text = std::fs::read_to_string(self.folder.join("time"))?;
        let line = text.lines().last().unwrap_or_default();
        let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap_or(f64::NAN)).collect();
        let [user, system, wall, peak] = numbers[..] else { bail!("time says {text}") };
        Ok(Cost { cpu: user + system, wall, peak_mib: peak / 1024.0, exit })
    }

    fn round(&self, costs: &mut Costs) -> Result<()> {
        let cost = self.aide("--init")?;
        ensure!(cost.exit == 0, "aide --init: exit {}", cost.exit);
        costs.add("init", "aide", cost);
        std::fs::rename(self.folder.join("aide.new"), self.folder.join("aide.db"))?;
        let cost = self.fresh()?;
        ensure!(cost.exit == 0, "auditng fim baseline: exit {}", cost.exit);
        costs.add("init", "auditng", cost);
        costs.add("check, nothing changed", "aide", self.aide("--check")?);
        costs.add("check, nothing changed", "auditng", self.ours(&["scan", "--full"])?);
        costs.add("metadata alone", "auditng", self.ours(&["scan"])?);
        Ok(())
    }

    /// As many entries, and the same SHA-256 of each file.
    fn equal_work(&self) -> Result<()> {
        let export = self.folder.join("export");
        let mut command = Command::new(self.auditng);
        command.args(["fim", "baseline", "--config"]).arg(self.folder.join("agent.toml")).arg("--export").arg(&export);
        checked(&mut command)?;
        let theirs = said::aide_database(&std::fs::read(self.folder.join("aide.db"))?)?;
        let ours = said::our_export(&std::fs::read_to_string(&export)?)?;
        let files = |all: &BTreeMap<Vec<u8>, Option<String>>| all.values().flatten().count();
        println!(
            "entries: AIDE {}, auditng {}; digests: AIDE {}, auditng {}",
            theirs.len(),
            ours.len(),
            files(&theirs),
            files(&ours)
        );
        let differ = theirs.iter().filter(|(path, digest)| digest.is_some() && ours.get(*path) != Some(*digest));
        let differ: Vec<_> = differ.take(5).map(|(path, _)| String::from_utf8_lossy(path)).collect();
        ensure!(differ.is_empty(), "digests differ: {differ:?}");
        ensure!(theirs.len() == ours.len(), "not the same number of entries");
        for (name, file) in [("AIDE's database", "aide.db"), ("auditng's", "state/baseline.redb")] {
            println!("{name}: {:.1} MB", std::fs::metadata(self.folder.join(file))?.len() as f64 / 1e6);
        }
        Ok(())
    }

    fn named_by_aide(&self) -> Result<std::collections::BTreeSet<String>> {
        said::aide_report(&std::fs::read_to_string(self.folder.join("aide.report"))?)
    }

    fn named_by_us(&self) -> Result<std::collections::BTreeSet<String>> {
        said::our_findings(&std::fs::read_to_string(self.folder.join("out"))?)
    }
}

/// Under GNU time, which tells of a process and its threads what `getrusage` says.
fn timed(folder: &Path, program: &Path) -> Command {
    let mut command = Command::new("/usr/bin/time");
    command.args(["--quiet", "-f", "%U %S %e %M", "-o"]).arg(folder.join("time")).arg(program);
    command
}

fn checked(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Everything is read twice, so that the disk plays no part.
fn warm(tree: &Path) -> Result<()> {
    for _ in 0..2 {
        let script = "find \"$0\" -xdev -type f -print0 | xargs -0 cat > /dev/null";
        checked(Command::new("sh").args(["-c", script]).arg(tree))?;
    }
    Ok(())
}

fn said_versions() -> Result<()> {
    for (program, words) in
        [("aide", &["--version"][..]), ("uname", &["-srm"]), ("sh", &["-c", "grep -m1 'model name' /proc/cpuinfo"])]
    {
        let said = Command::new(program).args(words).output().with_context(|| format!("needs {program}"))?;
        let text = [said.stdout, said.stderr].concat();
        println!("{}", String::from_utf8_lossy(&text).lines().next().unwrap_or_default());
    }
    Ok(())
}

/// All runs, by row and program.
#[derive(Default)]
struct Costs(BTreeMap<(&'static str, &'static str), Vec<Cost>>);

impl Costs {
    fn add(&mut self, row: &'static str, program: &'static str, cost: Cost) {
        println!("  {row}, {program}: {:.2} CPU s, {:.1} s, {:.0} MiB", cost.cpu, cost.wall, cost.peak_mib);
        self.0.entry((row, program)).or_default().push(cost);
    }

    fn print(&self, title: &str) {
        println!("\n{title}: median (least to most) of user + system seconds; largest resident size");
        for ((row, program), costs) in &self.0 {
            let mut cpu: Vec<f64> = costs.iter().map(|cost| cost.cpu).collect();
            cpu.sort_by(f64::total_cmp);
            let peak = costs.iter().map(|cost| cost.peak_mib).fold(0.0, f64::max);
            let (least, most) = (cpu[0], cpu[cpu.len() - 1]);
            println!("{row:24} {program:8} {:7.2} s ({least:.2} to {most:.2})  {peak:6.0} MiB", cpu[cpu.len() / 2]);
        }
    }
}
