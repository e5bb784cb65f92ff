//! One HTTP connection to one of several servers.
//!
//! Says what came back and judges nothing: what an answer means for the events is decided in [`super::item`].

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

use super::Options;

/// Most bytes of an answer that are read: 10,000 items of 500 bytes, and room.
const MOST_ANSWER: u64 = 16 << 20;
/// After this, the first server is tried again.
const BACK_TO_FIRST: Duration = Duration::from_secs(300);

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ours: zstd as it lies, our headers, heartbeats.
    Auditng,
    /// Elasticsearch or OpenSearch: gzip and nothing of ours.
    Elastic,
}

/// Which kind to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Ask it.
    #[default]
    Auto,
    /// Ours.
    Auditng,
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    Opensearch,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// The header of that name, in whole seconds.
    pub(super) retry_after: Option<Duration>,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// No answer, or only part of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The other side is not who it should be. Never tried elsewhere in silence.
    #[error("the server cannot be trusted")]
    Untrusted(#[source] Box<Error>),
    /// Everything else: refused, cut, too slow.
    #[error("no answer")]
    Lost(#[source] Box<Error>),
}

/// A request body with how it is packed.
#[derive(Debug)]
pub(super) struct Packed {
    /// The bytes to send.
    pub(super) bytes: Vec<u8>,
    /// `Content-Encoding`.
    pub(super) encoding: &'static str,
}

/// The connection.
pub(super) struct Client {
    agent: Agent,
    urls: Vec<String>,
    at: usize,
    /// Since when another than the first is used.
    away_since: Option<Duration>,
    authorization: Option<String>,
    target: Target,
    kind: Option<Kind>,
}

impl Client {
    /// Connects when it is first used.
    #[must_use]
    pub(super) fn new(options: &Options) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .no_delay(true)
            .proxy(None)
            .user_agent(concat!("auditng-agent/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_global(Some(options.timeout))
            .max_idle_connections(1)
            .max_idle_age(Duration::from_secs(90))
            .build();
        Self {
            agent: config.new_agent(),
            urls: options.urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            at: 0,
            away_since: None,
            authorization: options.token.as_deref().map(authorization),
            target: options.target,
            kind: None,
        }
    }

    /// The server in use.
    #[must_use]
    pub(super) fn url(&self) -> &str {
        self.urls.get(self.at).map_or("", String::as_str)
    }

    /// What kind of server it is, asking it if need be.
    ///
    /// # Errors
    /// It does not say: the answer, or that there was none.
    pub(super) fn kind(&mut self) -> Result<Kind, Result<Answer, Unanswered>> {
        let told = match self.target {
            Target::Auto => self.kind,
            Target::Auditng => Some(Kind::Auditng),
            Target::Elasticsearch | Target::Opensearch => Some(Kind::Elastic),
        };
        if let Some(kind) = told {
            return Ok(kind);
        }
        let answer = self.get("/").map_err(Err)?;
        let kind = kind_of(&answer).ok_or(Ok(answer))?;
        tracing::info!(url = self.url(), ?kind, "server found");
        self.kind = Some(kind);
        Ok(kind)
    }

    fn get(&self, path: &str) -> Result<Answer, Unanswered> {
        let mut request = self.agent.get(format!("{}{path}", self.url()));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        request.call().map_err(unanswered).and_then(read)
    }

    /// Sends one body.
    ///
    /// # Errors
    /// [`Unanswered`]: the body may have arrived or not.
    pub(super) fn post(
        &self,
        path: &str,
        content_type: &str,
        headers: &[(&str, String)],
        body: &Packed,
    ) -> Result<Answer, Unanswered> {
        let mut request = self.agent.post(format!("{}{path}", self.url())).header("content-type", content_type);
        if !body.encoding.is_empty() {
            request = request.header("content-encoding", body.encoding);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send(&body.bytes[..]).map_err(unanswered).and_then(read)
    }

    /// This server did not answer: the next one's turn. True: every one had its turn, wait now.
    pub(super) fn turn(&mut self, now: Duration) -> bool {
        self.kind = None;
        self.at = (self.at + 1) % self.urls.len().max(1);
        self.away_since = (self.at > 0).then(|| self.away_since.unwrap_or(now));
        self.at == 0
    }

    /// Goes back to the first server after a while.
    pub(super) fn look_back(&mut self, now: Duration) {
        if self.away_since.is_some_and(|since| now.saturating_sub(since) >= BACK_TO_FIRST) {
            (self.at, self.away_since, self.kind) = (0, None, None);
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token stays out of every log.
        f.debug_struct("Client").field("urls", &self.urls).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A token as it is, or a whole header value (`ApiKey ...` for Elasticsearch).
fn authorization(token: &str) -> String {
    let token = token.trim();
    let whole = ["Bearer ", "ApiKey ", "Basic "].iter().any(|scheme| token.starts_with(scheme));
    if whole { token.to_owned() } else { format!("Bearer {token}") }
}

/// Our server writes a build hash of zeros, which nothing that was built from sources has.
fn kind_of(answer: &Answer) -> Option<Kind> {
    let about: serde_json::Value = (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok())??;
    let version = about.get("version")?.as_object()?;
    let hash = version.get("build_hash").and_then(|hash| hash.as_str()).unwrap_or_default();
    let ours = !hash.is_empty() && hash.bytes().all(|byte| byte == b'0');
    Some(if ours { Kind::Auditng } else { Kind::Elastic })
}

fn unanswered(error: Error) -> Unanswered {
    let text = error.to_string();
    match error {
        Error::Io(_) if text.contains("certificate") => Unanswered::Untrusted(Box::new(error)),
        Error::Rustls(_) | Error::Tls(_) => Unanswered::Untrusted(Box::new(error)),
        _ => Unanswered::Lost(Box::new(error)),
    }
}

fn read(mut response: Response<Body>) -> Result<Answer, Unanswered> {
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MOST_ANSWER).read_to_vec().map_err(unanswered)?;
    Ok(Answer { status, retry_after, body })
}

/// Packs lines for a server that takes no zstd.
///
/// # Errors
/// Never for lack of anything but memory.
pub(super) fn gzip(lines: &[u8]) -> std::io::Result<Packed> {
    let mut packer = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
    packer.write_all(lines)?;
    Ok(Packed { bytes: packer.finish()?, encoding: "gzip" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart() {
        let check = |body: &str, expect: Option<Kind>| {
            let answer = Answer { status: 200, retry_after: None, body: body.as_bytes().to_vec() };
            assert_eq!(kind_of(&answer), expect, "{body}");
        };
        check(r#"{"version":{"number":"8.17.0","build_hash":"0000000000"}}"#, Some(Kind::Auditng));
        check(
            r#"{"version":{"number":"8.17.0","build_hash":"2b6a7fed44faa321997703718f07ee0420804b41"}}"#,
            Some(Kind::Elastic),
        );
        check(r#"{"version":{"number":"2.19.0","distribution":"opensearch"}}"#, Some(Kind::Elastic));
        check("<html>", None);
        check("{}", None);
        let refused = Answer { status: 401, retry_after: None, body: b"{}".to_vec() };
        assert_eq!(kind_of(&refused), None);
    }

    #[test]
    fn tokens_become_headers() {
        assert_eq!(authorization("ang_x\n"), "Bearer ang_x");
        assert_eq!(authorization("ApiKey abc"), "ApiKey abc");
    }

    #[test]
    fn servers_take_turns_and_the_first_comes_back() {
        let urls = vec!["http://a".to_owned(), "http://b/".to_owned()];
        let mut client = Client::new(&Options { urls, ..Options::default() });
        assert!(!client.turn(Duration::from_secs(1)));
        assert_eq!(client.url(), "http://b");
        client.look_back(Duration::from_secs(300));
        assert_eq!(client.url(), "http://b");
        client.look_back(Duration::from_secs(301));
        assert_eq!(client.url(), "http://a");
        assert!(!client.turn(Duration::ZERO));
        assert!(client.turn(Duration::ZERO));
    }
}
