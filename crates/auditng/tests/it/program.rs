//! Starting, asking and killing the program.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value as Json;
use testkit::eventually;

/// What a finished run left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn auditng() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditng"));
    command
        .env_remove("AUDITNG_SERVER")
        .env_remove("AUDITNG_TOKEN")
        .env_remove("AUDITNG_DATA_DIR")
        .env("NO_COLOR", "1");
    command
}

/// Runs to the end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    ran(auditng().args(arguments).stdin(Stdio::null()).output().unwrap())
}

/// Runs to the end with bytes on standard input.
pub(crate) fn run_with<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Ran {
    let mut command = auditng();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    ran(output)
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running `auditng serve`; dropped, it is killed.
pub(crate) struct Server {
    pub(crate) data: PathBuf,
    pub(crate) url: String,
    child: Child,
}

impl Server {
    /// Starts on a free port and waits until it answers.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    fn start_at(data: &Path, listen: &str) -> Self {
        let left = data.join("cli.json");
        let written = || left.metadata().and_then(|data| data.modified()).ok();
        let before = written();
        let mut command = auditng();
        command.arg("serve").arg("--data-dir").arg(data).args(["--listen", listen]);
        let log = fs::File::options().create(true).append(true).open(data.with_extension("log")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let url = eventually("the server leaves cli.json", Duration::from_secs(30), || {
            assert!(child.try_wait().unwrap().is_none(), "{}", fs::read_to_string(data.with_extension("log")).unwrap());
            let text = fs::read_to_string(&left).ok().filter(|_| written() != before)?;
            let left: Json = serde_json::from_str(&text).ok()?;
            left["url"].as_str().map(str::to_owned)
        });
        Self { data: data.to_owned(), url, child }
    }

    /// SIGKILL, then a new one at the same address.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let listen = self.url.trim_start_matches("http://").to_owned();
        *self = Self::start_at(&self.data, &listen);
    }

    /// SIGTERM; gives back the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        eventually("the server stops within its 5 s", Duration::from_secs(8), || self.child.try_wait().unwrap()).code()
    }

    /// How many events match.
    pub(crate) fn count(&self, query: &str) -> u64 {
        let ran = self.ask(["search", query, "--count"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out.trim().parse().unwrap()
    }

    /// Runs a command against this server.
    pub(crate) fn ask<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        run(arguments.map(OsStr::new).into_iter().chain([OsStr::new("--data-dir"), self.data.as_os_str()]))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
