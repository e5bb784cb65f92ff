//! The frame of tests against a running kernel: one at a time, and what is missing is said.
//!
//! A test for which something is missing is shown as `ignored` with the reason; [`required`] turns that into a failure. Called with
//! `--role NAME WORD...` the same program is one of the processes that its tests need.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// What it needs and is not here.
    pub missing: fn() -> Option<String>,
    /// It takes minutes, so it runs only when asked for: `-- --ignored`.
    pub long: bool,
    /// The test; it fails by panicking.
    pub run: fn(),
}

impl Test {
    /// A test that is always run.
    #[must_use]
    pub const fn new(name: &'static str, missing: fn() -> Option<String>, run: fn()) -> Self {
        Self { name, missing, long: false, run }
    }
}

/// Whether `AUDITNG_LIVE=require` is set: what is missing is a failure.
#[must_use]
pub fn required() -> bool {
    std::env::var("AUDITNG_LIVE").is_ok_and(|live| live == "require")
}

/// The program: plays the role that it is called with, or runs the tests that are asked for. `missing`: what all of them need.
#[must_use]
pub fn main(role: fn(&str, &[String]), missing: fn() -> Option<String>, tests: Vec<Test>) -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--role") {
        role(&words.next().unwrap_or_default(), &words.collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trial = |test: Test| Trial::ignorable_test(test.name, move || run(missing, test)).with_ignored_flag(test.long);
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit_code()
}

fn run(missing: fn() -> Option<String>, test: Test) -> Result<Completion, Failed> {
    match missing().or_else(test.missing) {
        Some(reason) if required() => Err(format!("AUDITNG_LIVE=require, but {reason}").into()),
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => {
            (test.run)();
            Ok(Completion::Completed)
        }
    }
}
