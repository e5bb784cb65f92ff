//! File integrity monitoring end to end on the running kernel: something is done to a file, an event is expected.
//!
//! Needs root. Where that is missing each test says `ignored` with the reason; `AUDITNG_LIVE=require` turns that into a failure.
//! Tests run one at a time, each on folders of its own; [`stand::Stand`] takes everything away again.
//!
//! Called with `--role NAME` this program is one of the processes that the tests need.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy does not see that this is one")]

#[path = "fim/changes.rs"]
mod changes;
#[path = "fim/role.rs"]
mod role;
#[path = "fim/stand.rs"]
mod stand;
#[path = "fim/who.rs"]
mod who;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--role") {
        role::play(&words.next().unwrap_or_default(), &words.collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = [
        ("f01_five_thousand_folders_at_once", changes::f01_many_folders as fn()),
        ("f04_a_temporary_renamed_over_is_one_replaced", changes::f04_replaced),
        ("f44_the_first_run_is_silent", changes::f44_first_run),
        ("f55_severity_tags_and_probe", changes::f55_policy),
        ("f16_writers_that_exit_at_once_are_known", who::f16_short_writers),
    ];
    let trial = |(name, test)| Trial::ignorable_test(name, move || run(test));
    libtest_mimic::run(&arguments, trials.into_iter().map(trial).collect()).exit_code()
}

fn run(test: fn()) -> Result<Completion, Failed> {
    match stand::missing() {
        Some(reason) if std::env::var("AUDITNG_LIVE").is_ok_and(|live| live == "require") => {
            Err(format!("AUDITNG_LIVE=require, but {reason}").into())
        }
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => {
            test();
            Ok(Completion::Completed)
        }
    }
}
