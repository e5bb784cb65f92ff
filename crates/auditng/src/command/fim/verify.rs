//! `auditng fim verify`: a baseline that fails its check is what is looked for here, so it is an answer and no failure.

use fim::baseline::{Baseline, Error, Options};
use fim::control::{Answer, Request, Verification};
use fim::entry::Digest;

use super::place::Place;
use super::{desk, print};
use crate::cli::FimVerify;
use crate::exit::{Code, Failure, Outcome};

pub(super) fn run(arguments: &FimVerify) -> Outcome {
    let expect_root = arguments.expect_root.as_ref().map(|text| text.trim().parse::<Digest>());
    let expect_root =
        expect_root.transpose().map_err(|error| Failure::new(Code::Usage, format!("--expect-root: {error}")))?;
    let place = Place::of(&arguments.at)?;
    if let Some(refused) = refused(&place) {
        print::answers(&[refused], "", arguments.at.format)?;
        return Ok(Code::Findings);
    }
    let mut answers = Vec::new();
    let request = Request::Verify { generation: arguments.generation, expect_root };
    let done = desk::ask(&place, &request, &mut |answer| answers.push(answer))?;
    print::answers(&answers, &done.message, arguments.at.format)?;
    Ok(super::code(done.code))
}

/// What is wrong with a baseline that nobody has open and that fails its check.
fn refused(place: &Place) -> Option<Answer> {
    let Err(Error::Refused { why, .. }) = Baseline::open(&Options::new(&place.folder)) else { return None };
    if why.iter().any(|problem| problem.kind() == "gone") {
        return None;
    }
    let said = why.iter().map(ToString::to_string).collect();
    let verification = Verification {
        problems: why,
        said,
        generation: None,
        seal: None,
        public_key: String::new(),
        entries: 0,
        deviations: 0,
    };
    Some(Answer::Verified(Box::new(verification)))
}
