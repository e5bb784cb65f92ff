//! What one event says of its process.

use schema::{Event, Field, Timestamp, event::escape};

/// A text of an event or of `/proc`, in the event's form: bytes that are not UTF-8 escaped, and that said.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Text {
    text: Box<str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    escaped: bool,
}

impl Text {
    /// As it stands in an event.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self { text: text.into(), escaped: false }
    }

    /// From bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self::plain(text),
            Err(_) => Self { text: escape(bytes).into(), escaped: true },
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes that it stands for.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        if self.escaped { schema::event::unescape(&self.text) } else { self.text.as_bytes().to_vec() }
    }

    /// This path below a folder.
    pub(super) fn below(&self, folder: &Self) -> Self {
        let path = self.as_str().trim_start_matches("./");
        let text = format!("{}/{path}", folder.as_str().trim_end_matches('/'));
        Self { text: text.into(), escaped: self.escaped || folder.escaped }
    }

    pub(super) fn push(&self, field: Field, event: &mut Event) {
        event.push_str(field, &self.text);
        if self.escaped {
            event.mark_escaped(field.name());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len() + size_of::<Self>()
    }
}

/// What one event says of its process.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Of the process; 0: it names none.
    pub pid: u32,
    /// Of its parent at the time of the event.
    pub ppid: Option<u32>,
    /// When it happened.
    pub time: Timestamp,
    /// The event's serial: stands in for the start in the identity where that is not known.
    pub serial: i64,
    /// `process.name`.
    pub comm: Option<Text>,
    /// `process.executable`.
    pub exe: Option<Text>,
    /// `process.working_directory`.
    pub cwd: Option<Text>,
    /// `process.args`; only exec events have them.
    pub args: Vec<Text>,
    /// The process replaced its program.
    pub is_exec: bool,
    /// The process made another one.
    pub is_fork: bool,
    /// The process ended.
    pub is_end: bool,
    /// The call failed, so nothing of the above came true.
    pub failed: bool,
    /// The other one's pid.
    pub child: Option<u32>,
    /// Path that was given to exec: of a script, not of its interpreter.
    pub invoked: Option<Text>,
    /// Real and effective user id.
    pub uids: [Option<u32>; 2],
}

impl Facts {
    /// Notes one value of `event.action`.
    pub fn note_action(&mut self, action: &str) {
        match action {
            "exec" => self.is_exec = true,
            "fork" => self.is_fork = true,
            "end" => self.is_end = true,
            _ => {}
        }
    }

    /// Notes that a field is in escaped form.
    pub fn note_escaped(&mut self, name: &str) {
        let mark = |text: &mut Option<Text>| text.iter_mut().for_each(|text| text.escaped = true);
        match name {
            "process.name" => mark(&mut self.comm),
            "process.executable" => mark(&mut self.exe),
            "process.working_directory" => mark(&mut self.cwd),
            "process.args" => self.args.iter_mut().for_each(|arg| arg.escaped = true),
            _ => {}
        }
    }
}
