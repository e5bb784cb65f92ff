//! What a filter does with the events that it matches, as it is written: `drop`, `keep_first(10)`, `sample(1/100)`,
//! `rate_limit(50/s)`, `aggregate(60s)`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Span;

/// See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Action {
    /// Left out.
    Drop,
    /// So many of each process pass.
    KeepFirst(u32),
    /// One of so many passes, and says how many it stands for.
    Sample(u32),
    /// So many pass each second; the others are lost, with a loss event.
    RateLimit(u32),
    /// Of equal ones the first passes at once; the others pass as one, with their number, when the time is over.
    Aggregate(Duration),
}

/// A text that names no action.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no action: drop, keep_first(N) per process, sample(1/N), rate_limit(N/s) or aggregate(TIME), N at least 1"
)]
pub struct BadAction(String);

impl FromStr for Action {
    type Err = BadAction;

    fn from_str(text: &str) -> Result<Self, BadAction> {
        let bad = || BadAction(text.to_owned());
        let word = text.trim();
        if word == "drop" {
            return Ok(Self::Drop);
        }
        let word = word.strip_suffix("per process").unwrap_or(word).trim_end();
        let (name, inner) = word.strip_suffix(')').and_then(|word| word.split_once('(')).ok_or_else(bad)?;
        let number = |text: &str| text.trim().parse().ok().filter(|&number: &u32| number > 0).ok_or_else(bad);
        match name.trim() {
            "keep_first" => Ok(Self::KeepFirst(number(inner)?)),
            "sample" => Ok(Self::Sample(number(inner.trim().strip_prefix("1/").ok_or_else(bad)?)?)),
            "rate_limit" => Ok(Self::RateLimit(number(inner.trim().strip_suffix("/s").ok_or_else(bad)?)?)),
            "aggregate" => {
                let span = Span::try_from(inner.trim().to_owned()).map_err(|_| bad())?;
                if span.0.is_zero() { Err(bad()) } else { Ok(Self::Aggregate(span.0)) }
            }
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Action {
    type Error = BadAction;

    fn try_from(text: String) -> Result<Self, BadAction> {
        text.parse()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.to_string()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::KeepFirst(count) => write!(f, "keep_first({count}) per process"),
            Self::Sample(of) => write!(f, "sample(1/{of})"),
            Self::RateLimit(count) => write!(f, "rate_limit({count}/s)"),
            Self::Aggregate(time) => write!(f, "aggregate({})", String::from(Span(*time))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_printed_alike() {
        let check = |text: &str, expect: Action| {
            assert_eq!(text.parse(), Ok(expect), "{text}");
            assert_eq!(expect.to_string().parse(), Ok(expect), "{text}");
        };
        check("drop", Action::Drop);
        check("keep_first(10) per process", Action::KeepFirst(10));
        check("keep_first(10)", Action::KeepFirst(10));
        check("sample(1/100)", Action::Sample(100));
        check(" rate_limit( 50/s )", Action::RateLimit(50));
        check("aggregate(60s)", Action::Aggregate(Duration::from_secs(60)));
    }

    #[test]
    fn what_is_no_action_says_what_is_one() {
        for text in ["", "sample(100)", "sample(1/0)", "keep_first(x)", "aggregate(0s)", "rate_limit(5)", "drop it"] {
            let error = text.parse::<Action>().unwrap_err().to_string();
            assert!(error.contains("rate_limit(N/s)"), "{error}");
        }
    }
}
