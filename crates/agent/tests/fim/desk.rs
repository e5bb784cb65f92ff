//! The command line and the running agent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use fim::control::{Answer, Request, SOCKET};
use schema::field;

use crate::stand::{Stand, is, sh};

/// What the agent answers.
pub(crate) fn ask(stand: &Stand, request: &Request) -> Vec<Answer> {
    let mut agent = UnixStream::connect(stand.path("state").join(SOCKET)).unwrap();
    agent.write_all(&[&serde_json::to_vec(request).unwrap()[..], b"\n"].concat()).unwrap();
    BufReader::new(agent).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn code(answers: &[Answer]) -> u8 {
    match answers.last() {
        Some(Answer::Done { code, .. }) => *code,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn f58_socket() {
    let stand = Stand::new();
    let path = stand.file("x", "old\n");
    let started = stand.start(stand.config()).on();
    let socket = stand.path("state").join(SOCKET);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let scan = || ask(&stand, &Request::Scan { full: false, policy: None, paths: Vec::new(), rate: None });
    assert_eq!(code(&scan()), 0);
    sh(&format!("echo new >>{}", path.display()));
    started.change("updated", &path);
    let answers = scan();
    assert_eq!(code(&answers), 1);
    let found: Vec<_> = answers
        .iter()
        .filter_map(|one| if let Answer::Found(found) = one { Some(&found.path) } else { None })
        .collect();
    assert_eq!(found, [&path.to_string_lossy().into_owned()]);
    let status = ask(&stand, &Request::Status);
    assert!(matches!(&status[0], Answer::Status(status) if status.agent && status.mode == "fanotify"), "{status:?}");
    let approve = Request::Baseline { update: true, paths: Vec::new(), reason: "wanted".to_owned() };
    assert_eq!(code(&ask(&stand, &approve)), 0);
    assert_eq!(code(&scan()), 0);
    assert_eq!(code(&ask(&stand, &Request::Verify { generation: None, expect_root: None })), 0);
    let told = |event: &schema::Event| {
        is(event, field::EVENT_ACTION, "fim-baseline") && event.long(field::AUDITNG_FIM_GENERATION) == Some(2)
    };
    let event = started.sink.wait("the second generation", told);
    assert!(is(&event, field::AUDITNG_FIM_REASON, "wanted"));
    assert_eq!(ask(&stand, &Request::Generations).len(), 3);
}
