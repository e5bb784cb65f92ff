//! How the program ends: the exit codes, and errors as people read them.

use std::fmt;
use std::process::ExitCode;

/// Exit codes, stable: scripts rely on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Code {
    /// Done.
    Done = 0,
    /// Done, and there are findings or differences (as `diff`).
    Findings = 1,
    /// Wrong flag, wrong query, wrong configuration.
    Usage = 2,
    /// An input cannot be read.
    Input = 3,
    /// A server or the kernel refused.
    Refused = 4,
    /// A fault of ours.
    Internal = 5,
}

/// Why a command did not do what it should: the exit code and a message that says what, where, why, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { code, error: anyhow::Error::msg(message) }
    }
}

/// Gives an error its exit code.
pub(crate) trait OrExit<T> {
    fn or_exit(self, code: Code) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, code: Code) -> Result<T, Failure> {
        self.map_err(|error| Failure { code, error: error.into() })
    }
}

/// What a command gives back.
pub(crate) type Outcome = Result<Code, Failure>;

/// Prints the failure, if it is one, with its causes.
#[expect(clippy::print_stderr, reason = "this is where errors reach the person")]
pub(crate) fn code(outcome: Outcome) -> ExitCode {
    let code = outcome.unwrap_or_else(|failure| {
        eprintln!("auditng: {}", chain(&failure.error));
        failure.code
    });
    ExitCode::from(code as u8)
}

/// The message and its causes, none of them twice.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Prints what clap has to say; help and version are no errors.
#[expect(clippy::print_stderr, reason = "this is where errors reach the person")]
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if let Err(broken) = error.print() {
        eprintln!("auditng: {broken}");
    }
    ExitCode::from(if error.use_stderr() { Code::Usage } else { Code::Done } as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_are_said_once() {
        let cause: Result<(), _> = Err(std::io::Error::other("disk on fire"));
        let error = cause.context("cannot write x").unwrap_err();
        assert_eq!(chain(&error), "cannot write x: disk on fire");
        let repeated = anyhow::anyhow!("disk on fire").context("cannot write x: disk on fire");
        assert_eq!(chain(&repeated), "cannot write x: disk on fire");
    }
}
