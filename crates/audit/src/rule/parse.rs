//! One line to one statement.

use super::call::call_number;
use super::check::{Finding, Severity};
use super::lex::{Place, Word};
use super::suggest::{other_arch_with, similar_call, similar_field};
use super::value::{self, UNSET};
use super::{Action, Field, FieldId, Host, KEY_SEPARATOR, List, MAX_FIELDS, MAX_KEY_BYTES, Mask, Operator};
use super::{PathKind, Rule, Value, field};
use crate::table::{self, arch};

/// What a line of a rule file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// `-a`, `-A`, `-w`.
    Add {
        /// The rule.
        rule: Rule,
        /// To the front of its list (`-A`).
        prepend: bool,
    },
    /// `-d`, `-W`.
    Delete(Rule),
    /// `-D`: all rules, with `-k` those that have the key.
    DeleteAll(Option<Vec<u8>>),
    /// Settings of the audit system, in their order.
    Set(Vec<Setting>),
    /// An option that means nothing in a rule file.
    Nothing,
}

/// A setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setting {
    /// `-e`: 0 off, 1 on, 2 locked until the next boot.
    Enabled(u32),
    /// `-f`: 0 silent, 1 printk, 2 panic.
    Failure(u32),
    /// `-r`: records per second, 0 = no limit.
    RateLimit(u32),
    /// `-b`: records that may wait.
    BacklogLimit(u32),
    /// `--backlog_wait_time`, in jiffies.
    BacklogWaitTime(u32),
    /// `--reset-lost`.
    ResetLost,
    /// `--reset_backlog_wait_time_actual`.
    ResetBacklogWaitTimeActual,
    /// `--loginuid-immutable`.
    LoginuidImmutable,
    /// `-i`: go on after an error and say that all is well.
    IgnoreErrors,
    /// `-c`: go on after an error and report it at the end.
    ContinueOnErrors,
    /// `-t`.
    Trim,
    /// `-q mount,subtree`.
    Equivalent {
        /// The watched directory.
        old: Vec<u8>,
        /// What is to be watched likewise.
        new: Vec<u8>,
    },
    /// `-m text`: write a record.
    Message(Vec<u8>),
}

/// Reads the words of a line. Whatever is wrong is in `findings`; with an error among them there is no statement.
pub(super) fn statement(words: &[Word], host: &Host<'_>, findings: &mut Vec<Finding>) -> Option<Statement> {
    let mut line = Line { host, findings, draft: Draft::default() };
    line.read(words);
    let line_place = whole(words);
    let statement = line.finish(line_place);
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    statement.filter(|_| !failed)
}

fn whole(words: &[Word]) -> Place {
    let first = words.first().map_or(1, |word| word.place.column);
    let end = words.last().map_or(2, |word| word.place.column + word.place.width);
    Place { column: first, width: end - first }
}

/// What the options said so far.
#[derive(Default)]
struct Draft {
    what: Option<What>,
    list: Option<(List, Place)>,
    action: Option<Action>,
    fields: Vec<(Field, Place)>,
    calls: Vec<Word>,
    keys: Vec<(Vec<u8>, Place)>,
    permissions: Option<(u32, Place)>,
    settings: Vec<Setting>,
    /// `-S` came before `-F arch`.
    arch_late: bool,
}

enum What {
    Add { prepend: bool },
    Delete,
    DeleteAll,
    Watch { path: Vec<u8>, place: Place },
    Unwatch { path: Vec<u8>, place: Place },
    Ignored,
}

struct Line<'a, 'h> {
    host: &'a Host<'h>,
    findings: &'a mut Vec<Finding>,
    draft: Draft,
}

/// Options that take a value.
const WITH_VALUE: [&str; 18] = [
    "-a",
    "-A",
    "-d",
    "-F",
    "-C",
    "-S",
    "-k",
    "-p",
    "-w",
    "-W",
    "-b",
    "-e",
    "-f",
    "-r",
    "-q",
    "-m",
    "--backlog_wait_time",
    "--signal",
];

impl Line<'_, '_> {
    fn read(&mut self, words: &[Word]) {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            let option = word.text();
            if option.starts_with('#') {
                let help = "auditctl takes it for an option";
                return self.error_with(word.place, "a comment must stand on a line of its own", help);
            }
            if WITH_VALUE.contains(&&*option) {
                match rest.split_first().filter(|(value, _)| !is_option(value) || takes_dash(&option)) {
                    Some((value, after)) => {
                        rest = after;
                        self.option_with(&option, word.place, value);
                    }
                    None => self.error(word.place, format!("option {option} needs a value")),
                }
            } else if let Some((option, value)) = attached(word) {
                self.option_with(&option, word.place, &value);
            } else {
                self.option(&option, word.place);
            }
        }
    }

    fn option(&mut self, option: &str, place: Place) {
        match option {
            "-D" => self.set_what(What::DeleteAll, place),
            "-i" => self.draft.settings.push(Setting::IgnoreErrors),
            "-c" => self.draft.settings.push(Setting::ContinueOnErrors),
            "-t" => self.draft.settings.push(Setting::Trim),
            "--reset-lost" => self.draft.settings.push(Setting::ResetLost),
            "--reset_backlog_wait_time_actual" => self.draft.settings.push(Setting::ResetBacklogWaitTimeActual),
            "--loginuid-immutable" => self.draft.settings.push(Setting::LoginuidImmutable),
            "-l" | "-s" | "-v" | "-h" | "-R" => {
                self.warn(place, format!("{option} means nothing in a rule file and is ignored"));
                self.draft.what = Some(What::Ignored);
            }
            _ if matches!(self.draft.what, Some(What::Ignored)) => {}
            _ if option.starts_with('-') => self.error(place, format!("there is no option {option}")),
            _ => self.error(place, format!("`{option}` belongs to no option")),
        }
    }

    fn option_with(&mut self, option: &str, place: Place, value: &Word) {
        match option {
            "-a" | "-A" | "-d" => self.list_and_action(option, place, value),
            "-w" => self.set_what(What::Watch { path: value.bytes.clone(), place: value.place }, place),
            "-W" => self.set_what(What::Unwatch { path: value.bytes.clone(), place: value.place }, place),
            "-F" => self.condition(value),
            "-C" => self.comparison(value),
            "-S" => self.draft.calls.push(value.clone()),
            "-k" => self.draft.keys.push((value.bytes.clone(), value.place)),
            "-p" => match value::permissions(&value.text()) {
                Ok(bits) => self.permissions(bits, value.place),
                Err(why) => self.error(value.place, why),
            },
            "-q" => self.equivalent(value),
            "-m" => self.draft.settings.push(Setting::Message(value.bytes.clone())),
            "--signal" => self.warn(place, "--signal means nothing in a rule file and is ignored".to_owned()),
            _ => self.setting(option, value),
        }
    }

    /// Of a watch its permissions, of a rule a condition, in place of the one that is there.
    fn permissions(&mut self, bits: u32, place: Place) {
        if !matches!(self.draft.what, Some(What::Add { .. } | What::Delete)) {
            self.draft.permissions = Some((bits, place));
            return;
        }
        match self.draft.fields.iter_mut().find(|(field, _)| field.id == FieldId::PERM) {
            Some((field, _)) => field.value = Value::Number(bits),
            None => self.push_field(FieldId::PERM, Operator::Equal, Value::Number(bits), place),
        }
    }

    fn setting(&mut self, option: &str, value: &Word) {
        let Ok(number) = value.text().parse::<u32>() else {
            return self.error(value.place, format!("option {option} needs a number from 0"));
        };
        if matches!(option, "-e" | "-f") && number > 2 {
            return self.error(value.place, format!("option {option} takes 0, 1 or 2"));
        }
        self.draft.settings.push(match option {
            "-b" => Setting::BacklogLimit(number),
            "-e" => Setting::Enabled(number),
            "-f" => Setting::Failure(number),
            "-r" => Setting::RateLimit(number),
            _ => Setting::BacklogWaitTime(number),
        });
    }

    fn equivalent(&mut self, value: &Word) {
        match value.bytes.split(|byte| *byte == b',').collect::<Vec<_>>()[..] {
            [old, new] if !old.is_empty() && !new.is_empty() => {
                let (old, new) = (old.to_vec(), new.to_vec());
                self.draft.settings.push(Setting::Equivalent { old, new });
            }
            _ => self.error(value.place, "option -q needs two directories with a comma between them".to_owned()),
        }
    }

    fn set_what(&mut self, what: What, place: Place) {
        match self.draft.what {
            None => self.draft.what = Some(what),
            Some(_) => self.error(place, "a line holds one of -a, -A, -d, -w, -W and -D".to_owned()),
        }
    }

    /// `exit,always` or `always,exit`.
    fn list_and_action(&mut self, option: &str, place: Place, value: &Word) {
        let what = if option == "-d" { What::Delete } else { What::Add { prepend: option == "-A" } };
        self.set_what(what, place);
        let text = value.text();
        let Some((one, other)) = text.split_once(',') else {
            return self.error(value.place, format!("option {option} needs a list and an action, as in always,exit"));
        };
        let known = self.findings.len();
        for word in [one, other] {
            self.list_or_action(word, value.place);
        }
        let missing = match (&self.draft.list, self.draft.action) {
            (None, _) => "list",
            (_, None) => "action",
            _ => return,
        };
        if self.findings.len() == known {
            self.error(value.place, format!("`{text}` names no {missing}"));
        }
        // So that the conditions are looked at all the same.
        self.draft.list.get_or_insert((List::Exit, value.place));
        self.draft.action.get_or_insert(Action::Always);
    }

    fn list_or_action(&mut self, word: &str, place: Place) {
        match word {
            "always" => self.draft.action = Some(Action::Always),
            "never" => self.draft.action = Some(Action::Never),
            "possible" => {
                self.draft.action = Some(Action::Always);
                self.error_with(place, "the kernel has no action `possible` any more", "use always");
            }
            "entry" => {
                self.draft.list = Some((List::Exit, place));
                self.error_with(place, "the kernel has no list `entry` any more", "use exit");
            }
            _ => match List::from_word(word) {
                Some(list) => self.draft.list = Some((list, place)),
                None => self.error(place, format!("`{word}` is neither a list nor an action")),
            },
        }
    }

    fn condition(&mut self, word: &Word) {
        let Some((name, operator, value)) = split(&word.bytes) else {
            return self.error(word.place, "a condition needs an operator: = != < <= > >= & &=".to_owned());
        };
        let Some(id) = FieldId::from_name(&name).filter(|id| *id != FieldId::COMPARISON) else {
            let help = similar_field(&name);
            return self.push(word.place, Severity::Error, format!("no field `{name}`"), help);
        };
        self.draft.arch_late |= id == FieldId::ARCH && !self.draft.calls.is_empty();
        match value::parse(id.kind(), value, self.host) {
            Ok(value) => self.push_field(id, operator, value, word.place),
            Err(why) => self.error(word.place, why),
        }
    }

    fn comparison(&mut self, word: &Word) {
        let Some((left, operator, right)) = split(&word.bytes).filter(|(_, operator, _)| operator.is_equality()) else {
            return self.error(word.place, "a comparison is two fields with = or != between them".to_owned());
        };
        let right = String::from_utf8_lossy(right);
        match field::comparison(&left, &right) {
            Some(number) => self.push_field(FieldId::COMPARISON, operator, Value::Number(number), word.place),
            None => {
                let stranger = [&*left, &*right].into_iter().find(|name| !field::is_comparable(name));
                let why = stranger.map_or_else(
                    || format!("the kernel cannot compare {left} with {right}"),
                    |name| format!("`{name}` is no field that can be compared"),
                );
                self.error_with(word.place, why, "compare user ids with user ids, group ids with group ids");
            }
        }
    }

    fn push_field(&mut self, id: FieldId, operator: Operator, value: Value, place: Place) {
        self.draft.fields.push((Field { id, operator, value }, place));
    }

    fn finish(&mut self, line: Place) -> Option<Statement> {
        let draft = std::mem::take(&mut self.draft);
        match draft.what {
            Some(What::Ignored) => Some(Statement::Nothing),
            Some(What::DeleteAll) => self.delete_all(draft, line),
            Some(What::Add { prepend }) => self.rule(draft, line).map(|rule| Statement::Add { rule, prepend }),
            Some(What::Delete) => self.rule(draft, line).map(Statement::Delete),
            Some(What::Watch { .. }) => self.watch(draft).map(|rule| Statement::Add { rule, prepend: false }),
            Some(What::Unwatch { .. }) => self.watch(draft).map(Statement::Delete),
            None => self.settings(draft, line),
        }
    }

    fn settings(&mut self, draft: Draft, line: Place) -> Option<Statement> {
        let belongs_to_a_rule = !draft.fields.is_empty()
            || !draft.calls.is_empty()
            || !draft.keys.is_empty()
            || draft.permissions.is_some();
        if belongs_to_a_rule {
            self.error_with(line, "conditions without a rule", "start with -a always,exit or -w path");
            return None;
        }
        (!draft.settings.is_empty()).then_some(Statement::Set(draft.settings))
    }

    fn delete_all(&mut self, mut draft: Draft, line: Place) -> Option<Statement> {
        if !draft.fields.is_empty() || !draft.calls.is_empty() || draft.keys.len() > 1 {
            self.error(line, "-D takes at most one -k".to_owned());
        }
        Some(Statement::DeleteAll(draft.keys.pop().map(|(key, _)| key)))
    }

    /// `-w path -p perm -k key`: a rule for every call.
    fn watch(&mut self, mut draft: Draft) -> Option<Rule> {
        let (Some(What::Watch { path, place }) | Some(What::Unwatch { path, place })) = draft.what.take() else {
            return None;
        };
        if let Some((_, place)) = draft.fields.first() {
            self.error_with(*place, "-F cannot be used with -w", "write -a always,exit -F path=... instead");
        }
        if let Some(word) = draft.calls.first() {
            self.error_with(word.place, "-S cannot be used with -w", "write -a always,exit -F path=... instead");
        }
        let path = self.watched(path, place)?;
        let kind = (self.host.path)(&path);
        let id = if kind == PathKind::Directory { FieldId::DIR } else { FieldId::PATH };
        let permissions = draft.permissions.map_or(15, |(bits, _)| bits);
        let keys = self.keys(&draft.keys);
        let equal = |id, value| Field { id, operator: Operator::Equal, value };
        let mut fields = vec![equal(id, Value::Text(path)), equal(FieldId::PERM, Value::Number(permissions))];
        fields.extend(keys.map(|keys| equal(FieldId::KEY, Value::Text(keys))));
        Some(Rule { list: List::Exit, action: Action::Always, calls: Mask::ALL, fields })
    }

    /// The path of a watch without its last slash.
    fn watched(&mut self, mut path: Vec<u8>, place: Place) -> Option<Vec<u8>> {
        if let Err(why) = value::path(&path) {
            self.error(place, why);
            return None;
        }
        while path.len() > 1 && path.ends_with(b"/") {
            path.pop();
        }
        if path == b"/" {
            self.error_with(place, "the kernel refuses a watch of /", "name the directories below it");
            return None;
        }
        if path.contains(&b'*') || path.contains(&b'?') {
            self.warn(place, "the kernel knows no wildcards: this watches a file of exactly this name".to_owned());
        }
        Some(path)
    }

    fn rule(&mut self, draft: Draft, line: Place) -> Option<Rule> {
        let (list, _) = draft.list?;
        let action = draft.action?;
        if draft.arch_late {
            self.warn(
                line,
                "-F arch stands behind -S, which auditctl refuses; read as if it stood before it".to_owned(),
            );
        }
        for (field, place) in &draft.fields {
            if let Some(why) = field::refusal(field.id, field.operator, list) {
                self.error(*place, why);
            }
        }
        self.once(&draft.fields);
        self.needs(list, &draft, line);
        let mut fields: Vec<_> = draft.fields.into_iter().map(|(field, _)| field).collect();
        let calls = self.calls(list, &draft.calls, arch_of(&fields));
        if let Some(keys) = self.keys(&draft.keys) {
            fields.push(Field { id: FieldId::KEY, operator: Operator::Equal, value: Value::Text(keys) });
        }
        if fields.len() > MAX_FIELDS {
            self.error(line, format!("a rule has at most {MAX_FIELDS} conditions, this one has {}", fields.len()));
        }
        Some(Rule { list, action, calls, fields })
    }

    /// What the kernel takes once in a rule.
    fn once(&mut self, fields: &[(Field, Place)]) {
        let mut objects =
            fields.iter().filter(|(field, _)| matches!(field.id, FieldId::PATH | FieldId::DIR | FieldId::INODE));
        objects.next();
        for (_, place) in objects {
            self.error(*place, "a rule has one path, dir or inode".to_owned());
        }
        for id in [FieldId::EXE, FieldId::KEY, FieldId::ARCH] {
            for (_, place) in fields.iter().filter(|(field, _)| field.id == id).skip(1) {
                let help = (id == FieldId::KEY).then(|| "write several -k".to_owned());
                self.push(*place, Severity::Error, format!("a rule has one {}", id.name()), help);
            }
        }
        for (field, place) in fields {
            self.trailing_slash(field, *place);
        }
    }

    fn trailing_slash(&mut self, field: &Field, place: Place) {
        let path = field.value.text().unwrap_or_default();
        if field.id == FieldId::PATH && path.ends_with(b"/") {
            self.error_with(place, "the kernel refuses a path that ends in /", "watch a directory with -F dir=");
        }
        if field.id == FieldId::DIR && path == b"/" {
            self.warn(place, "this watches every file of the machine".to_owned());
        }
    }

    fn needs(&mut self, list: List, draft: &Draft, line: Place) {
        let has = |id| draft.fields.iter().any(|(field, _)| field.id == id);
        if list == List::Filesystem && !has(FieldId::FSTYPE) {
            self.error_with(line, "a rule of the filesystem list needs a file system", "add -F fstype=...");
        }
        if let (false, Some(word)) = (list.sees_calls(), draft.calls.first()) {
            self.error(word.place, format!("the {} list sees no calls: -S cannot be used with it", list.word()));
        }
        let keyed = !draft.keys.is_empty();
        if keyed && has(FieldId::KEY) {
            self.error(line, "the key is given twice, by -k and by -F key".to_owned());
        }
    }

    /// Several `-k` are one field with a separator.
    fn keys(&mut self, keys: &[(Vec<u8>, Place)]) -> Option<Vec<u8>> {
        let joined = keys.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>().join(&KEY_SEPARATOR);
        for (_, place) in keys.iter().filter(|(key, _)| key.is_empty()) {
            self.error(*place, "a key cannot be empty".to_owned());
        }
        if let (Some((_, place)), true) = (keys.last(), joined.len() > MAX_KEY_BYTES) {
            self.error(
                *place,
                format!("keys have at most {MAX_KEY_BYTES} bytes together, these have {}", joined.len()),
            );
        }
        (!keys.is_empty()).then_some(joined)
    }

    /// The calls of all `-S`; without one every call, but none for `task`.
    fn calls(&mut self, list: List, words: &[Word], arch: Option<u32>) -> Mask {
        if words.is_empty() {
            return if list == List::Task { Mask::NONE } else { Mask::ALL };
        }
        let mut mask = Mask::NONE;
        for word in words {
            let text = word.text();
            let mut column = word.place.column;
            for name in text.split(',') {
                let width = name.chars().count();
                self.call(list, name, arch, &mut mask, Place { column, width: width.max(1) });
                column += width + 1;
            }
        }
        mask
    }

    fn call(&mut self, list: List, name: &str, arch: Option<u32>, mask: &mut Mask, place: Place) {
        let arch = arch.unwrap_or(self.host.machine);
        match name {
            "all" => *mask = Mask::ALL,
            "none" => {}
            _ => match call_number(list, name, arch) {
                Some(number) if mask.insert(number) => {}
                Some(number) => {
                    self.error(place, format!("call {number} does not fit: a rule has calls up to {}", Mask::LAST))
                }
                None => self.unknown_call(list, name, arch, place),
            },
        }
    }

    fn unknown_call(&mut self, list: List, name: &str, arch: u32, place: Place) {
        if list == List::IoUring {
            return self.error(place, format!("io_uring has no operation `{name}`"));
        }
        let machine = table::arch_name(arch).unwrap_or("this machine");
        let is_range =
            name.split_once('-').is_some_and(|(low, high)| low.parse::<u32>().is_ok() && high.parse::<u32>().is_ok());
        let help = if is_range {
            Some("there are no ranges (auditctl reads this as the first number)".to_owned())
        } else if let Some(twin) = other_arch_with(name, arch) {
            Some(format!(
                "{twin} has it: give it a rule of its own with -F arch={}",
                if arch::is_64(arch) { "b32" } else { "b64" }
            ))
        } else {
            similar_call(name, arch).map(|known| format!("did you mean `{known}`?"))
        };
        self.push(place, Severity::Error, format!("{machine} has no call `{name}`"), help);
    }

    fn error(&mut self, place: Place, message: String) {
        self.push(place, Severity::Error, message, None);
    }

    fn error_with(&mut self, place: Place, message: impl Into<String>, help: &str) {
        self.push(place, Severity::Error, message.into(), Some(help.to_owned()));
    }

    fn warn(&mut self, place: Place, message: String) {
        self.push(place, Severity::Warning, message, None);
    }

    fn push(&mut self, place: Place, severity: Severity, message: String, help: Option<String>) {
        self.findings.push(Finding { place, severity, message, help });
    }
}

/// `-x` or `--xyz`, as opposed to a value.
fn is_option(word: &Word) -> bool {
    matches!(&word.bytes[..], [b'-', b'a'..=b'z' | b'A'..=b'Z'] | [b'-', b'-', ..])
}

/// Messages may start with anything.
fn takes_dash(option: &str) -> bool {
    option == "-m"
}

/// `-b8192` is `-b 8192`.
fn attached(word: &Word) -> Option<(String, Word)> {
    let option = std::str::from_utf8(word.bytes.get(..2)?).ok()?;
    if word.bytes.len() == 2 || !WITH_VALUE.contains(&option) {
        return None;
    }
    let place = Place { column: word.place.column + 2, width: word.place.width.saturating_sub(2).max(1) };
    Some((option.to_owned(), Word { bytes: word.bytes[2..].to_vec(), place }))
}

/// Field, operator and value of a condition.
fn split(bytes: &[u8]) -> Option<(String, Operator, &[u8])> {
    let at = bytes.iter().position(|byte| matches!(byte, b'=' | b'!' | b'<' | b'>' | b'&'))?;
    let (name, rest) = bytes.split_at(at);
    let (operator, sign, _) = Operator::ALL.into_iter().find(|(_, sign, _)| rest.starts_with(sign.as_bytes()))?;
    Some((String::from_utf8_lossy(name).into_owned(), operator, &rest[sign.len()..]))
}

/// The arch that `-S` names are of.
fn arch_of(fields: &[Field]) -> Option<u32> {
    let field = fields.iter().find(|field| field.id == FieldId::ARCH && field.operator == Operator::Equal)?;
    field.value.number().filter(|number| *number != UNSET)
}
