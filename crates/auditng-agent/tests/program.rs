//! The program from outside: what it says, how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails right there")]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use testkit::eventually;

fn agent(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditng-agent"));
    command.args(args).env_remove("AUDITNG_TOKEN").env("AUDITNG_LOG", "info");
    command
}

fn run(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = agent(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A configuration without sources: these tests touch no kernel.
fn quiet(dir: &Path, more: &str) -> String {
    let path = dir.join("agent.toml");
    let state = dir.join("state");
    let text = format!("state_dir = {state:?}\n{more}\n[source.audit]\nsocket = \"off\"\n[fim]\nmode = \"off\"\n");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn wrong_words_are_2_and_say_what_is_right() {
    let (code, said) = run(&["rnu"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("Usage: auditng-agent"), "{said}");
    let (code, said) = run(&["run", "--server", "ftp://x"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("http://"), "{said}");
}

#[test]
fn check_names_every_error_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = quiet(dir.path(), "colour = 1\n[spool]\nbytes = \"lots\"");
    let (code, said) = run(&["check", "--config", &config]);
    assert_eq!(code, Some(2));
    assert!(said.contains("colour:") && said.contains("spool.bytes:"), "{said}");
}

#[test]
fn check_says_how_it_would_run_and_hides_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let config = quiet(dir.path(), "");
    let token = dir.path().join("token");
    std::fs::write(&token, "ang_very_secret\n").unwrap();
    let (code, said) = run(&["check", "--config", &config, "--token-file", token.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("token    given") && !said.contains("very_secret"), "{said}");
}

#[test]
fn what_cannot_be_read_is_3() {
    let (code, said) = run(&["check", "--config", "/nonexistent/agent.toml"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("/nonexistent/agent.toml"), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, said) = run(&["run", "--state-dir", file.join("below").to_str().unwrap()]);
    assert_eq!(code, Some(3), "{said}");
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Only for a test that failed; one that passes has waited already.
        let _gone = self.0.kill().and_then(|()| self.0.wait().map(|_| ()));
    }
}

#[test]
fn a_second_agent_is_4_and_the_first_stops_within_five_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let config = quiet(dir.path(), "[ship]\nurls = [\"http://127.0.0.1:1\"]");
    let child = agent(&["run", "--config", &config]).stderr(Stdio::null()).spawn().unwrap();
    let mut first = Running(child);
    let lock = dir.path().join("state/LOCK");
    let pid = first.0.id().to_string();
    eventually("the first agent", Duration::from_secs(20), || {
        std::fs::read_to_string(&lock).ok().filter(|text| text.trim() == pid)
    });
    let (code, said) = run(&["run", "--config", &config]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains(&format!("pid {pid}")), "{said}");

    let spool = dir.path().join("state/spool/high");
    eventually("its first event on disk", Duration::from_secs(20), || {
        std::fs::read_dir(&spool).ok()?.next().and_then(Result::ok)
    });
    let begun = Instant::now();
    let term = rustix::process::Pid::from_child(&first.0);
    rustix::process::kill_process(term, rustix::process::Signal::TERM).unwrap();
    let status = eventually("the end", Duration::from_secs(20), || first.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn sighup_starts_anew_in_place_and_a_broken_configuration_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = quiet(dir.path(), "[ship]\nurls = [\"http://127.0.0.1:1\"]");
    let log = dir.path().join("log");
    let to_log = std::fs::File::create(&log).unwrap();
    let mut running = Running(agent(&["run", "--config", &config]).stderr(to_log).spawn().unwrap());
    let said = |what: &str, times: usize| {
        eventually(what, Duration::from_secs(20), || {
            let log = std::fs::read_to_string(&log).ok()?;
            (log.matches(what).count() >= times).then_some(())
        });
    };
    let signal = |signal| {
        rustix::process::kill_process(rustix::process::Pid::from_child(&running.0), signal).unwrap();
    };
    said("agent started", 1);
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "colour = 1\n").unwrap();
    signal(rustix::process::Signal::HUP);
    said("SIGHUP changes nothing", 1);
    std::fs::write(&config, good.replace("http://127.0.0.1:1", "http://127.0.0.1:2")).unwrap();
    signal(rustix::process::Signal::HUP);
    said("agent started", 2);
    said("http://127.0.0.1:2", 1);
    signal(rustix::process::Signal::TERM);
    let status = eventually("the end", Duration::from_secs(20), || running.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let pid = std::fs::read_to_string(dir.path().join("state/LOCK")).unwrap();
    assert_eq!(pid.trim(), running.0.id().to_string(), "the same process");
}
