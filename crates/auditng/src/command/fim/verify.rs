//! `auditng fim verify`: a baseline that fails its check is what is looked for here, so it is an answer and no failure.

use fim::baseline::{Baseline, Error, Options, Problem};
use fim::control::{Answer, Request, Verification};
use fim::entry::Digest;
use serde_json::Value as Json;

use super::place::Place;
use super::{desk, print};
use crate::cli::{FimVerify, Place as Data, ServerAt};
use crate::exit::{Code, Failure, Outcome};
use crate::remote::Server;

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
    let (mut code, mut message) = (super::code(done.code), done.message);
    if answers.is_empty() {
        return Err(Failure::new(code, message));
    }
    if let (Some(url), Some(Answer::Verified(verification))) = (&arguments.server, answers.first_mut()) {
        let problem = ask_server(url, arguments, verification)?;
        message = problem.as_ref().map_or_else(|| format!("{message}; {url} was told the same"), ToString::to_string);
        if let Some(problem) = problem {
            code = Code::Findings;
            verification.said.push(problem.to_string());
            verification.problems.push(problem);
        }
    }
    print::answers(&answers, &message, arguments.at.format)?;
    Ok(code)
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

/// What the server was told of this host's generations, against what lies here.
fn ask_server(url: &str, arguments: &FimVerify, here: &Verification) -> Result<Option<Problem>, Failure> {
    let token_file = arguments.token_file.clone();
    let server = Server::find(&ServerAt { url: Some(url.to_owned()), token_file, place: Data { data_dir: None } })?;
    let agent = here.seal.as_ref().map(|seal| seal.agent.clone()).filter(|agent| !agent.is_empty());
    let agent = agent.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if agent.is_empty() || !agent.chars().all(plain) {
        return Err(Failure::new(Code::Refused, "this baseline was made without an agent, so no server knows it"));
    }
    let told = server.get(&format!("/api/v1/fim/baselines/{agent}?size=1000"))?;
    Ok(compare(here, &told))
}

/// The same generation has the same root there, and none there is newer.
fn compare(here: &Verification, told: &Json) -> Option<Problem> {
    let standing = told["standing"].as_str().unwrap_or_default();
    let chain = told["chain"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |one: &Json| one["generation"].as_u64().unwrap_or(0);
    let newest = chain.iter().map(number).max().unwrap_or(0);
    let Some(last) = &here.generation else {
        return (newest > 0).then_some(Problem::RolledBack { found: 0, counted: newest });
    };
    let (seal, latest) = (&last.seal, here.seal.as_ref().map_or(0, |seal| seal.generation));
    if newest > latest.max(seal.generation) {
        return Some(Problem::RolledBack { found: latest, counted: newest });
    }
    let there = chain.iter().find(|one| number(one) == seal.generation);
    if let Some(root) = there.and_then(|one| one["root"].as_str())
        && root != seal.root.to_string()
    {
        return Some(Problem::Forked(format!(
            "the server was told root {root} for generation {}, here it is {}",
            seal.generation, seal.root
        )));
    }
    if there.is_none() {
        print::warn(&format!("the server was not told of generation {} yet", seal.generation));
    }
    let fine = matches!(standing, "ok" | "accepted" | "gap" | "");
    (!fine).then(|| Problem::Forked(format!("the server says that this chain is {standing}")))
}

#[cfg(test)]
mod tests {
    use fim::baseline::{Beside, Generation, Layer, Seal};
    use serde_json::json;

    use super::*;

    fn here(generation: u64, root: u8) -> Verification {
        let seal = Seal {
            layer: Layer::Approved,
            agent: "a".to_owned(),
            generation,
            sequence: 1,
            time_ms: 0,
            previous: Digest::default(),
            root: Digest([root; 32]),
            policies: Digest::default(),
            reason: String::new(),
            beside: Beside::default(),
            signature: String::new(),
        };
        Verification {
            problems: Vec::new(),
            said: Vec::new(),
            generation: Some(Generation { seal: seal.clone(), entries: 0 }),
            seal: Some(seal),
            public_key: String::new(),
            entries: 0,
            deviations: 0,
        }
    }

    #[test]
    fn what_the_server_was_told_decides() {
        let told = |standing: &str, generations: &[(u64, u8)]| {
            let chain: Vec<_> = generations
                .iter()
                .map(|(number, root)| json!({"generation": number, "root": Digest([*root; 32]).to_string()}))
                .collect();
            json!({"standing": standing, "chain": chain})
        };
        let kind = |told: &Json| compare(&here(2, 7), told).map(|problem| problem.kind());
        assert_eq!(kind(&told("ok", &[(2, 7), (1, 6)])), None);
        assert_eq!(kind(&told("ok", &[(1, 6)])), None, "not told yet");
        assert_eq!(kind(&told("ok", &[(3, 8), (2, 7)])), Some("rolled-back"));
        assert_eq!(kind(&told("ok", &[(2, 9)])), Some("forked"));
        assert_eq!(kind(&told("rolled-back", &[(2, 7)])), Some("forked"));
        assert_eq!(kind(&json!({})), None);
    }
}
