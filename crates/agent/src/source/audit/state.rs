//! `audit.state`: what must survive us, so that the kernel can be put back as it was found.
//!
//! Written before each change of the kernel and after it, by a temporary file and a rename, so that it is always whole. A
//! start that finds the file of the same boot finishes what a killed predecessor left: its rules go unless they are wanted
//! again, and the values that it found, not those that it set, are the ones to restore. Another boot makes the file void:
//! the kernel has forgotten everything anyway.
//!
//! ```json
//! {"version":1,"boot_id":"5ff2..","pid":4711,"found":{"enabled":0},"set":{"enabled":1},"rules":["0400.."]}
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use audit::netlink::{SetStatus, Status};
use audit::rule::{self, Rule, Step};
use serde::{Deserialize, Serialize};

use super::load::Ownership;

const VERSION: u32 = 1;
/// A rule has at most 1,040 bytes and its strings; a state file with a thousand of them stays below this.
const MOST_BYTES: usize = 16 << 20;

/// The file's contents.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The boot that all this is true for.
    pub boot_id: String,
    /// Who wrote it.
    pub pid: u32,
    /// The values that we changed, as they were before.
    pub found: Values,
    /// The same values as we set them: one that differs now was changed by somebody else and is left alone.
    pub set: Values,
    /// The rules that we added or were about to add, as lower-case hex.
    rules: Vec<String>,
    /// The steps of a change that has begun. Not empty: it was interrupted, and the next change finishes it, since it starts
    /// from what the kernel has then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<String>,
    /// All rules as they were before us, in their order, where those of others may be changed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found_rules: Option<Vec<String>>,
    /// The newest serial that was seen. It changes each second, so it lies in a file of its own beside this one.
    #[serde(skip)]
    pub last_serial: Option<u32>,
}

/// Status values that we may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    /// `enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<u32>,
    /// `failure`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<u32>,
    /// `rate_limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// `backlog_limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog_limit: Option<u32>,
    /// `backlog_wait_time`, absent in old kernels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog_wait_time: Option<u32>,
}

impl Values {
    /// All values of a status.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        Self {
            enabled: Some(status.enabled),
            failure: Some(status.failure),
            rate_limit: Some(status.rate_limit),
            backlog_limit: Some(status.backlog_limit),
            backlog_wait_time: status.backlog_wait_time,
        }
    }

    /// For each value what `pick` makes of it and its counterpart in `other`.
    #[must_use]
    pub fn zip(self, other: Self, pick: impl Fn(Option<u32>, Option<u32>) -> Option<u32>) -> Self {
        Self {
            enabled: pick(self.enabled, other.enabled),
            failure: pick(self.failure, other.failure),
            rate_limit: pick(self.rate_limit, other.rate_limit),
            backlog_limit: pick(self.backlog_limit, other.backlog_limit),
            backlog_wait_time: pick(self.backlog_wait_time, other.backlog_wait_time),
        }
    }

    /// Those of ours that differ from what is there. A value that the kernel does not have (`there` has none) is left out.
    #[must_use]
    pub fn unlike(self, there: Self) -> Self {
        self.zip(there, |wanted, is| wanted.filter(|wanted| is.is_some_and(|is| is != *wanted)))
    }

    /// Ours where we have one, else the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.zip(other, Option::or)
    }

    /// Only those that `mask` has too.
    #[must_use]
    pub fn within(self, mask: Self) -> Self {
        self.zip(mask, |value, mask| value.filter(|_| mask.is_some()))
    }

    /// As a request; `None` if there is nothing to change.
    #[must_use]
    pub fn request(self) -> Option<SetStatus> {
        (self != Self::default()).then(|| SetStatus {
            enabled: self.enabled,
            failure: self.failure,
            rate_limit: self.rate_limit,
            backlog_limit: self.backlog_limit,
            backlog_wait_time: self.backlog_wait_time,
            ..SetStatus::default()
        })
    }
}

impl State {
    /// An empty state of this boot and process.
    #[must_use]
    pub fn new(boot_id: &str, pid: u32) -> Self {
        Self { version: VERSION, boot_id: boot_id.to_owned(), pid, ..Self::default() }
    }

    /// The rules that we added, as bytes.
    pub fn rules(&self) -> impl Iterator<Item = Vec<u8>> {
        self.rules.iter().filter_map(|hex| from_hex(hex))
    }

    /// Replaces them.
    pub fn set_rules<'a>(&mut self, rules: impl IntoIterator<Item = &'a [u8]>) {
        self.rules = rules.into_iter().map(to_hex).collect();
        self.rules.sort_unstable();
        self.rules.dedup();
    }

    /// Notes what is about to be done: rules that will be added are ours from now on.
    pub fn begin_change(&mut self, there: &[Rule], steps: &[Step], ownership: Ownership) {
        if ownership == Ownership::All && self.found_rules.is_none() {
            let found = there.iter().map(|rule| to_hex(&rule.canonical_bytes()));
            self.found_rules = Some(found.filter(|hex| self.rules.binary_search(hex).is_err()).collect());
        }
        let added = steps.iter().filter(|step| !matches!(step, Step::Delete(_)));
        self.rules.extend(added.map(|step| to_hex(&step.rule().canonical_bytes())));
        self.rules.sort_unstable();
        self.rules.dedup();
        self.steps = steps.iter().map(written).collect();
    }

    /// Notes that it is done, and which rules are ours now.
    pub fn end_change(&mut self, owned: &[Vec<u8>]) {
        self.steps.clear();
        self.set_rules(owned.iter().map(Vec::as_slice));
    }

    /// A change was begun and not ended.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The rules that were there before us, if those of others may have been changed.
    #[must_use]
    pub fn found_rules(&self) -> Option<Vec<Rule>> {
        let found = self.found_rules.as_ref()?;
        Some(found.iter().filter_map(|hex| rule::decode(&from_hex(hex)?).ok()).collect())
    }

    /// They are there again.
    pub fn forget_found_rules(&mut self) {
        self.found_rules = None;
    }

    /// What a restore has to set, given what is there now.
    #[must_use]
    pub fn restore(&self, there: Values) -> Values {
        let untouched = self.set.zip(there, |set, is| set.filter(|set| is == Some(*set)));
        self.found.within(untouched).unlike(there)
    }

    /// Takes over what a predecessor left behind: its rules are ours, and where its values still stand, the values that it
    /// found are the ones to restore.
    pub fn adopt(&mut self, left: &Self, there: Values) {
        self.found = left.restore(there);
        self.set = there.within(self.found);
        self.rules.clone_from(&left.rules);
        self.steps.clone_from(&left.steps);
        self.found_rules.clone_from(&left.found_rules);
        self.last_serial = left.last_serial;
    }
}

/// Where a [`State`] is kept.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
}

/// The state could not be written: without it a crash cannot be repaired.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl StateFile {
    /// The state at `path`.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The state of this boot. A file that is absent, broken or of another boot gives `None`: the kernel then has nothing
    /// of ours that we could know of.
    #[must_use]
    pub fn load(&self, boot_id: &str) -> Option<State> {
        let bytes = crate::sys::proc::read(&self.path, MOST_BYTES)?;
        let mut state: State = serde_json::from_slice(&bytes).ok()?;
        state.last_serial = self.load_serial(boot_id);
        (state.version == VERSION && state.boot_id == boot_id).then_some(state)
    }

    /// Notes the newest serial of a boot.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_serial(&self, boot_id: &str, serial: u32) -> Result<(), WriteError> {
        let path = self.serial_path();
        let next = path.with_extension("serial.next");
        let written = write_new(&next, format!("{boot_id} {serial}\n").as_bytes());
        written.and_then(|()| fs::rename(&next, &path)).map_err(|source| WriteError { path, source })
    }

    fn load_serial(&self, boot_id: &str) -> Option<u32> {
        let text = String::from_utf8(crate::sys::proc::read(&self.serial_path(), 256)?).ok()?;
        let (boot, serial) = text.trim_end().split_once(' ')?;
        (boot == boot_id).then(|| serial.parse().ok())?
    }

    fn serial_path(&self) -> PathBuf {
        self.path.with_extension("serial")
    }

    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// The folder is absent, full or read-only.
    pub fn save(&self, state: &State) -> Result<(), WriteError> {
        self.write(state).map_err(|source| WriteError { path: self.path.clone(), source })
    }

    fn write(&self, state: &State) -> io::Result<()> {
        let next = self.path.with_extension("state.next");
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_new(&next, &serde_json::to_vec(state)?)?;
        fs::rename(&next, &self.path)
    }
}

/// No fsync: the file matters as long as the boot that it is true for.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create(path)?.write_all(bytes)
}

/// `+` at the end, `^` in front, `-` deleted; then the rule.
fn written(step: &Step) -> String {
    let sign = match step {
        Step::Append(_) => '+',
        Step::Prepend(_) => '^',
        Step::Delete(_) => '-',
    };
    format!("{sign}{}", to_hex(&step.rule().canonical_bytes()))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks_exact(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(enabled: u32, backlog_limit: u32) -> Values {
        Values { enabled: Some(enabled), backlog_limit: Some(backlog_limit), ..Values::default() }
    }

    #[test]
    fn restores_what_we_changed_and_nobody_else_since() {
        let mut state = State::new("boot", 1);
        state.found = values(0, 64);
        state.set = values(1, 65_536);
        assert_eq!(state.restore(values(1, 65_536)), values(0, 64));
        assert_eq!(state.restore(values(1, 8_192)), Values { enabled: Some(0), ..Values::default() });
        assert_eq!(state.restore(values(0, 64)), Values::default());
    }

    #[test]
    fn a_successor_restores_what_the_first_one_found() {
        let mut killed = State::new("boot", 1);
        killed.found = values(0, 64);
        killed.set = values(1, 65_536);
        killed.set_rules([&b"rule"[..]]);
        let mut next = State::new("boot", 2);
        next.adopt(&killed, values(1, 65_536));
        assert_eq!(next.restore(values(1, 65_536)), values(0, 64));
        assert_eq!(next.rules().collect::<Vec<_>>(), [b"rule"]);
    }

    #[test]
    fn another_boot_or_a_broken_file_is_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::at(folder.path().join("below/audit.state"));
        assert_eq!(file.load("boot"), None);
        let mut state = State::new("boot", 1);
        state.set_rules([&[0xab, 0x01][..]]);
        file.save(&state).unwrap();
        assert_eq!(file.load("boot"), Some(state.clone()));
        file.save_serial("boot", 7).unwrap();
        assert_eq!(file.load("boot"), Some(State { last_serial: Some(7), ..state.clone() }));
        file.save_serial("other", 8).unwrap();
        assert_eq!(file.load("boot"), Some(state));
        assert_eq!(file.load("other"), None);
        fs::write(folder.path().join("below/audit.state"), b"{\"version\":1").unwrap();
        assert_eq!(file.load("boot"), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_with_the_path() {
        let folder = tempfile::NamedTempFile::new().unwrap();
        let error = StateFile::at(folder.path().join("audit.state")).save(&State::default()).unwrap_err();
        assert!(error.to_string().ends_with("audit.state"), "{error}");
    }

    proptest! {
        #[test]
        fn hex_and_back(bytes: Vec<u8>) {
            prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        }
    }
}
