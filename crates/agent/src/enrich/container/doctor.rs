//! Which container runtimes are here, and how they answer.

use super::config::Config;
use super::runtime::{Miss, probe};
use crate::source::audit::doctor::{Finding, State};

/// One finding for each runtime's socket that exists, or one that says that there is none.
#[must_use]
pub fn doctor(config: &Config) -> Vec<Finding> {
    let found: Vec<Finding> =
        probe(config).into_iter().map(|(path, answer)| finding(&path.display().to_string(), answer)).collect();
    if !found.is_empty() {
        return found;
    }
    let files = config.bundle_roots.iter().filter(|root| root.path.is_dir()).count();
    let what = match files {
        0 => "no runtime's socket or files are here".to_owned(),
        _ => format!("no runtime's socket is here; files in {files} folders tell of containers"),
    };
    vec![Finding { name: NAME, state: State::Ok, what, advice: String::new() }]
}

const NAME: &str = "container runtimes";

fn finding(path: &str, answer: Result<String, Miss>) -> Finding {
    let (state, what, advice) = match answer {
        Ok(answer) => (State::Ok, format!("{path} answers: {answer}"), ""),
        Err(miss) => (State::Warn, format!("{path} {miss}"), advice(miss)),
    };
    Finding { name: NAME, state, what, advice: advice.to_owned() }
}

fn advice(miss: Miss) -> &'static str {
    match miss {
        Miss::Denied => "run as root, or as a member of the socket's group",
        Miss::Absent => "start the runtime, or take the socket out of container.sockets",
        Miss::Unsupported => "for containerd enable its CRI plugin; for this build the cargo feature grpc",
        _ => "see the runtime's own log; containers are told by id, and by the runtime's files",
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Root, SocketKind};
    use super::super::runtime::tests::{Fake, http, ping};
    use super::*;

    #[test]
    fn runtimes_that_answer_and_that_do_not() {
        let fake = Fake::start(|_| Some(ping()));
        let found = doctor(&fake.config(SocketKind::Podman));
        assert_eq!((found.len(), found[0].state), (1, State::Ok));
        assert!(found[0].what.ends_with("answers: API 1.41"), "{}", found[0].what);
        let broken = Fake::start(|_| Some(http(500, "", "")));
        let found = doctor(&broken.config(SocketKind::Docker));
        assert_eq!(found[0].state, State::Warn);
        assert!(found[0].what.ends_with("/s refuses") && !found[0].advice.is_empty(), "{}", found[0].what);
    }

    #[test]
    fn no_runtime_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { sockets: Vec::new(), bundle_roots: Root::usual(folder.path()), ..Config::default() };
        assert_eq!(doctor(&config)[0].state, State::Ok);
        std::fs::create_dir_all(folder.path().join("var/lib/docker/containers")).unwrap();
        assert!(doctor(&config)[0].what.contains("files in 1 folders"));
    }
}
