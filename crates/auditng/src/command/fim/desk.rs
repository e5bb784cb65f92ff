//! Who answers: the agent through its socket, or nobody but ourselves.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use fim::control::{Answer, LINE, Request, SOCKET};

use super::local;
use super::place::Place;
use super::progress::Progress;
use crate::exit::{Code, Failure};

/// How it ended.
pub(super) struct Done {
    pub(super) code: u8,
    pub(super) message: String,
}

/// Asks, hands on every answer but progress and the last, and gives back that.
pub(super) fn ask(place: &Place, request: &Request, tell: &mut dyn FnMut(Answer)) -> Result<Done, Failure> {
    match UnixStream::connect(place.folder.join(SOCKET)) {
        Ok(agent) => ask_agent(agent, request, tell),
        Err(_) => {
            let mut done = Done { code: Code::Internal as u8, message: String::new() };
            let mut progress = Progress::start();
            local::answer(place, request, &mut |answer| take(answer, &mut progress, &mut done, tell))?;
            progress.end();
            Ok(done)
        }
    }
}

fn take(answer: Answer, progress: &mut Progress, done: &mut Done, tell: &mut dyn FnMut(Answer)) {
    match answer {
        Answer::Progress { entries, bytes, of } => progress.at(entries, bytes, of),
        Answer::Done { code, message } => (done.code, done.message) = (code, message),
        other => tell(other),
    }
}

fn ask_agent(mut agent: UnixStream, request: &Request, tell: &mut dyn FnMut(Answer)) -> Result<Done, Failure> {
    let lost = |why: String| Failure::new(Code::Refused, format!("the agent did not answer: {why}"));
    let mut line = serde_json::to_vec(request).map_err(|error| Failure::new(Code::Internal, error))?;
    line.push(b'\n');
    agent.write_all(&line).map_err(|error| lost(error.to_string()))?;
    let mut answers = BufReader::new(agent);
    let mut done = Done { code: Code::Internal as u8, message: String::new() };
    let mut progress = Progress::start();
    loop {
        line.clear();
        let most = LINE as u64 + 1;
        let read = answers.by_ref().take(most).read_until(b'\n', &mut line).map_err(|error| lost(error.to_string()))?;
        if read == 0 || !line.ends_with(b"\n") {
            return Err(lost("it broke off".to_owned()));
        }
        let answer: Answer = serde_json::from_slice(&line).map_err(|error| lost(error.to_string()))?;
        let last = matches!(answer, Answer::Done { .. });
        take(answer, &mut progress, &mut done, tell);
        if last {
            progress.end();
            return Ok(done);
        }
    }
}
