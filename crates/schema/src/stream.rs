//! Which store stream an event belongs to. Outside, a stream is the data stream `logs-auditng.<stream>-<namespace>`.

use std::fmt;
use std::str::FromStr;

/// The streams of the store, each with its own windows and retention.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stream {
    /// Kernel audit and eBPF.
    Audit,
    /// File integrity.
    Fim,
    /// Scheduled query results.
    Query,
    /// Text logs.
    Log,
    /// Losses and status of agents and server.
    Health,
    /// Alerts (documents are replaced by id).
    Alert,
    /// Anomaly results (documents are replaced by id).
    Anomaly,
    /// Everything else, foreign documents among it.
    Other,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 8] =
        [Self::Audit, Self::Fim, Self::Query, Self::Log, Self::Health, Self::Alert, Self::Anomaly, Self::Other];

    /// The name used in folders, metrics and data stream names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Fim => "fim",
            Self::Query => "query",
            Self::Log => "log",
            Self::Health => "health",
            Self::Alert => "alert",
            Self::Anomaly => "anomaly",
            Self::Other => "other",
        }
    }

    /// The stream of an `event.dataset`: `auditng.<stream>` for our own, `log` for text logs, else [`Stream::Other`].
    #[must_use]
    pub fn of_dataset(dataset: &str) -> Self {
        dataset.strip_prefix("auditng.").and_then(|name| name.parse().ok()).unwrap_or(Self::Other)
    }

    /// The `event.dataset` of our own events in this stream.
    #[must_use]
    pub const fn dataset(self) -> &'static str {
        match self {
            Self::Audit => "auditng.audit",
            Self::Fim => "auditng.fim",
            Self::Query => "auditng.query",
            Self::Log => "auditng.log",
            Self::Health => "auditng.health",
            Self::Alert => "auditng.alert",
            Self::Anomaly => "auditng.anomaly",
            Self::Other => "auditng.other",
        }
    }

    /// The data stream name outside, in the namespace `default`.
    #[must_use]
    pub fn index(self) -> String {
        format!("logs-auditng.{}-default", self.name())
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no stream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no stream {0:?}; streams are audit, fim, query, log, health, alert, anomaly, other")]
pub struct UnknownStream(pub String);

impl FromStr for Stream {
    type Err = UnknownStream;

    fn from_str(name: &str) -> Result<Self, UnknownStream> {
        Self::ALL.into_iter().find(|stream| stream.name() == name).ok_or_else(|| UnknownStream(name.to_owned()))
    }
}
