//! Errors of the interface: one table of codes, one form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schema::search::query_string::Problem;
use serde_json::json;

use crate::state::{StateError, UserError};

/// What went wrong, with its HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    BadRequest,
    QuerySyntax,
    SearchSyntax,
    Unauthorized,
    Forbidden,
    Csrf,
    NotFound,
    Conflict,
    TooLarge,
    MediaType,
    Misdirected,
    TooMany,
    SearchTooLarge,
    Internal,
    Unavailable,
    WindowsFailed,
    Timeout,
}

impl Code {
    const fn row(self) -> (&'static str, u16) {
        match self {
            Self::BadRequest => ("bad_request", 400),
            Self::QuerySyntax => ("query_syntax", 400),
            Self::SearchSyntax => ("search_syntax", 400),
            Self::Unauthorized => ("unauthorized", 401),
            Self::Forbidden => ("forbidden", 403),
            Self::Csrf => ("csrf", 403),
            Self::NotFound => ("not_found", 404),
            Self::Conflict => ("conflict", 409),
            Self::TooLarge => ("too_large", 413),
            Self::MediaType => ("media_type", 415),
            Self::Misdirected => ("misdirected", 421),
            Self::TooMany => ("too_many", 429),
            Self::SearchTooLarge => ("search_too_large", 400),
            Self::Internal => ("internal", 500),
            Self::Unavailable => ("unavailable", 503),
            Self::WindowsFailed => ("windows_failed", 503),
            Self::Timeout => ("timeout", 504),
        }
    }

    /// Elasticsearch's name for it, on the paths that speak its language.
    const fn elastic(self) -> &'static str {
        match self {
            Self::BadRequest | Self::MediaType | Self::NotFound | Self::Misdirected => "illegal_argument_exception",
            Self::QuerySyntax | Self::SearchSyntax => "parsing_exception",
            Self::Unauthorized | Self::Forbidden | Self::Csrf => "security_exception",
            Self::Conflict => "version_conflict_engine_exception",
            Self::TooLarge | Self::SearchTooLarge => "circuit_breaking_exception",
            Self::TooMany | Self::Unavailable | Self::WindowsFailed | Self::Timeout => {
                "es_rejected_execution_exception"
            }
            Self::Internal => "exception",
        }
    }
}

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    code: Code,
    message: String,
    advice: Option<String>,
    path: Option<String>,
    problems: Vec<Problem>,
    retry_after_s: Option<u64>,
    elastic: bool,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            advice: None,
            path: None,
            problems: Vec::new(),
            retry_after_s: None,
            elastic: false,
        }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Code::NotFound, what)
    }

    pub(crate) fn busy(message: impl Into<String>, retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(Code::TooMany, message) }
    }

    pub(crate) fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub(crate) fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    pub(crate) fn problems(self, problems: Vec<Problem>) -> Self {
        Self { problems, ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// In the form that Elasticsearch's clients read.
    pub(crate) fn for_shippers(self, elastic: bool) -> Self {
        Self { elastic, ..self }
    }

    fn json(&self) -> serde_json::Value {
        let (code, status) = self.code.row();
        let mut json = json!({"code": code, "status": status, "message": self.message});
        if let Some(advice) = &self.advice {
            json["advice"] = json!(advice);
        }
        if let Some(path) = &self.path {
            json["path"] = json!(path);
        }
        if !self.problems.is_empty() {
            json["problems"] = self.problems.iter().map(problem).collect();
        }
        json
    }
}

fn problem(problem: &Problem) -> serde_json::Value {
    json!({
        "start": problem.start, "end": problem.end, "message": problem.message,
        "expected": problem.expected, "advice": problem.advice,
    })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (_, status) = self.code.row();
        let body = if self.elastic {
            elastic::response::error(status, self.code.elastic(), &self.message)
        } else {
            self.json().to_string()
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.code == Code::Unauthorized && self.elastic {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"auditng\""));
        }
        response
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Busy => Self::busy(error.to_string(), 1),
            StateError::Closed => Self::new(Code::Unavailable, error.to_string()),
            StateError::Sqlite(_) | StateError::Io(_) | StateError::Random => {
                tracing::error!(%error, "state failed");
                Self::new(Code::Internal, "the server's state cannot be read or written").advice("see the server's log")
            }
        }
    }
}

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::State(error) => error.into(),
            UserError::Exists(_) | UserError::LastAdmin(_) => Self::new(Code::Conflict, error.to_string()),
            UserError::Unknown(_) => Self::not_found(error.to_string()),
        }
    }
}

impl From<store::SearchError> for ApiError {
    fn from(error: store::SearchError) -> Self {
        use store::SearchError as E;
        let message = error.to_string();
        match error {
            E::Refused { .. } => Self::new(Code::SearchSyntax, message),
            E::Timeout => Self::new(Code::Timeout, message).advice("narrow the time range or the query"),
            E::Cancelled => Self::new(Code::Unavailable, message),
            E::TooLarge(_) => {
                Self::new(Code::SearchTooLarge, message).advice("narrow the time range, or ask for fewer buckets")
            }
            E::Windows(_) => Self::new(Code::WindowsFailed, message).advice("ask with allow_partial to see the rest"),
            E::Failed(_) => {
                tracing::error!(error = message, "search failed");
                Self::new(Code::Internal, message)
            }
        }
    }
}
