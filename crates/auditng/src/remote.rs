//! The server as the command line sees it: its HTTP interface (docs/api.md), found by flags, environment, or the file
//! `cli.json` that a server leaves in its data folder for the person who started it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::cli::ServerAt;
use crate::exit::{Code, Failure};

/// Name of the file in the data folder, mode 0600.
pub(crate) const CLI_FILE: &str = "cli.json";

/// A search may take as long as the server allows the command line.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What `cli.json` holds.
#[derive(Serialize, Deserialize)]
pub(crate) struct CliFile {
    pub(crate) url: String,
    pub(crate) token: String,
}

impl CliFile {
    /// Reads it, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// An address and a token.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) token: String,
    agent: ureq::Agent,
}

impl Server {
    /// Finds address and token: flags and environment first, then the data folder.
    pub(crate) fn find(at: &ServerAt) -> Result<Self, Failure> {
        let token = match &at.token_file {
            Some(path) => Some(read_token(path)?),
            None => std::env::var("AUDITNG_TOKEN").ok(),
        };
        let (url, token) = match (at.url.clone(), token) {
            (Some(url), Some(token)) => (url, token),
            (url, token) => {
                let left = left_by_the_server(&at.place.folder().join(CLI_FILE))?;
                (url.unwrap_or(left.url), token.unwrap_or(left.token))
            }
        };
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, agent: config.build().into() })
    }

    /// Sends JSON, gives back JSON.
    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json, Failure> {
        let request =
            self.agent.post(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {}", self.token));
        let sent = request.header("Content-Type", "application/json").send(body.to_string());
        let mut response = sent.map_err(|error| self.unreachable(&error))?;
        let text = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()
            .map_err(|error| self.unreachable(&error))?;
        let answer: Json = serde_json::from_str(&text).map_err(|_| {
            Failure::new(
                Code::Refused,
                format!("{} answered {} and no JSON: is this an auditng server?", self.url, response.status()),
            )
        })?;
        if response.status().is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// Asks for JSON.
    pub(crate) fn get(&self, path: &str) -> Result<Json, Failure> {
        let text = self.read(path)?;
        serde_json::from_str(&text).map_err(|_| {
            Failure::new(Code::Refused, format!("{}{path} gave no JSON: is this an auditng server?", self.url))
        })
    }

    /// Asks for text: what an export gives, whole or not at all.
    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        let request =
            self.agent.get(format!("{}{path}", self.url)).header("Authorization", format!("Bearer {}", self.token));
        let mut response = request.call().map_err(|error| self.unreachable(&error))?;
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string();
        let text = body.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(text);
        }
        Err(refused(&serde_json::from_str(&text).unwrap_or(Json::String(text))))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(
            Code::Refused,
            format!("no answer from {}: {error}; is `auditng up` or `auditng serve` running there?", self.url),
        )
    }
}

fn read_token(path: &PathBuf) -> Result<String, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(Code::Input, format!("cannot read the token file {}: {error}", path.display()))
    })?;
    Ok(text.trim().to_owned())
}

fn left_by_the_server(path: &PathBuf) -> Result<CliFile, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Code::Refused,
            format!(
                "no server was named, and {} cannot be read ({error}): start `auditng up`, or give --data-dir of a running one, or --server and --token-file",
                path.display()
            ),
        )
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(Code::Internal, format!("{} is damaged: {error}", path.display())))
}

/// A refusal in the server's own words; a wrong query is shown with carets under its faults.
fn refused(answer: &Json) -> Failure {
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    let code = match answer["status"].as_u64() {
        Some(400) => Code::Usage,
        Some(500) => Code::Internal,
        _ => Code::Refused,
    };
    let mut message = text("message");
    if message.is_empty() {
        message = answer.to_string();
    }
    for problem in answer["problems"].as_array().into_iter().flatten() {
        let advice = problem["advice"].as_str().map(|advice| format!(" ({advice})")).unwrap_or_default();
        let place = problem["start"].as_u64().unwrap_or(0) + 1;
        message
            .push_str(&format!("\n  at column {place}: {}{advice}", problem["message"].as_str().unwrap_or_default()));
    }
    if !text("advice").is_empty() {
        message.push_str(&format!("\n  {}", text("advice")));
    }
    Failure::new(code, message)
}
