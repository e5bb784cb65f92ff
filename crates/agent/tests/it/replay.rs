//! P5 and P15 in small: recordings shipped directly, again, and again after being cut off.

use std::collections::BTreeSet;
use std::time::Duration;

use agent::ship::{Direct, DirectError, Identity, Options, Summary};
use schema::{Event, Timestamp, field};

use crate::fake::{Reply, Server};

fn options(url: &str) -> Options {
    let backoff = (Duration::from_millis(1), Duration::from_millis(20));
    Options { urls: vec![url.to_owned()], backoff, timeout: Duration::from_secs(5), ..Options::default() }
}

fn identity() -> Identity {
    Identity::of(&mut [&mut &b"a recording"[..]]).unwrap()
}

fn replay(url: &str, events: usize) -> Result<Summary, DirectError> {
    let mut direct = Direct::new(&options(url), identity(), Duration::from_secs(20)).unwrap();
    let mut event = Event::default();
    for number in 0..events {
        event.clear();
        event.push_date(field::TIMESTAMP, Timestamp::from_millis(i64::try_from(number).unwrap()));
        direct.put(&mut event)?;
    }
    direct.finish()
}

#[test]
fn a_second_time_makes_no_event() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    let first = replay(&server.url, 12_000).unwrap();
    assert_eq!((first.created, first.duplicates, first.refused), (12_000, 0, 0));
    let second = replay(&server.url, 12_000).unwrap();
    assert_eq!((second.created, second.duplicates), (0, 12_000));
    assert_eq!(server.state.stored().len(), 12_000);
}

#[test]
fn trouble_on_the_way_is_waited_out() {
    let server = Server::start(|n, request, state| match n % 6 {
        0 => Reply::HangUp,
        1 => Reply::status(503),
        2 => Reply::status(413),
        3 => Reply::ok(state.answer(request, |id| if id.ends_with('7') { 429 } else { 201 })),
        4 => Reply::ok("<html>"),
        _ => Reply::ok(state.accept(request)),
    });
    let summary = replay(&server.url, 12_000).unwrap();
    assert_eq!(summary.created + summary.duplicates, 12_000);
    assert_eq!(server.state.stored().len(), 12_000);
}

#[test]
fn an_answer_that_got_lost_makes_duplicates_and_no_loss() {
    let server = Server::start(|n, request, state| {
        let answer = state.accept(request);
        if n % 2 == 0 { Reply::HangUp } else { Reply::ok(answer) }
    });
    let summary = replay(&server.url, 6_000).unwrap();
    assert_eq!((summary.created, summary.duplicates), (0, 6_000));
}

#[test]
fn refused_events_are_counted_with_the_reason() {
    let server = Server::start(|_, request, state| {
        Reply::ok(state.answer(request, |id| if id.ends_with("00a") { 400 } else { 201 }))
    });
    let summary = replay(&server.url, 100).unwrap();
    assert_eq!((summary.created, summary.refused), (99, 1));
    assert!(summary.refusal.unwrap().contains("as scripted"));
}

#[test]
fn a_wrong_token_ends_it_at_once() {
    let server = Server::start(|_, _, _| Reply::status(401));
    let error = replay(&server.url, 100).unwrap_err();
    assert!(matches!(error, DirectError::Refused { .. }), "{error}");
}

#[test]
fn nobody_there_ends_it_after_the_callers_patience() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = options(&format!("http://{nobody}"));
    let direct = Direct::new(&options, identity(), Duration::from_millis(100));
    let mut direct = direct.unwrap();
    direct.put(&mut Event::new(Timestamp::default())).unwrap();
    let error = direct.finish().unwrap_err();
    assert!(matches!(error, DirectError::Stuck { .. }), "{error}");
}

#[test]
fn ids_are_places_in_the_recording() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    replay(&server.url, 3).unwrap();
    let agent = identity().agent;
    let expected: BTreeSet<String> = (0..3).map(|n| format!("{agent}-00000001-10000000000{n}")).collect();
    assert_eq!(server.state.stored().keys().cloned().collect::<BTreeSet<_>>(), expected);
}
