//! Which file: PATH records, and the one among them that the action is about.

use std::borrow::Cow;

use schema::event::{escape, push_json_string};
use schema::{Event, field};

use super::bytes::mark_truncated;
use super::dirfd;
use super::numbers;
use super::selinux;
use super::view::{View, decoded};
use crate::reassemble::Group;
use crate::record::name;
use crate::record::{Fields, Form, Piece, Place, Token, is_absent, kind};

/// One PATH record: where its values lie in the group's text.
#[derive(Clone, Copy, Default)]
struct Path {
    name: Option<(Piece, bool)>,
    role: Role,
    inode: Piece,
    dev: Piece,
    mode: Piece,
    ouid: Piece,
    ogid: Piece,
    obj: Piece,
    owner: Piece,
    group: Piece,
    permitted: Piece,
    inheritable: Piece,
}

/// Its part in the call (`nametype`, `objtype` in older kernels).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Normal,
    Parent,
    Create,
    Delete,
    Unknown,
}

/// The PATH records of a group; memory is used again.
#[derive(Default)]
pub(super) struct Paths {
    paths: Vec<Path>,
    /// `auditd.paths` as JSON.
    json: String,
    escaped: bool,
    cut: bool,
}

/// PATH records beyond this many are left out.
const PATHS: usize = 1024;
/// JSON of paths beyond this is left out.
const JSON_BYTES: usize = 256 << 10;

impl Paths {
    pub(super) fn read(&mut self, group: &Group) {
        self.paths.clear();
        self.json.clear();
        (self.escaped, self.cut) = (false, false);
        for part in group.parts().filter(|part| part.kind == kind::PATH) {
            if self.paths.len() == PATHS || self.json.len() > JSON_BYTES {
                self.cut = true;
                break;
            }
            self.json.push(if self.paths.is_empty() { '[' } else { ',' });
            self.path(&group.text()[..part.end], part.body_start);
        }
        if !self.paths.is_empty() {
            self.json.push(']');
        }
    }

    /// Some PATH says that a file was created.
    pub(super) fn created(&self) -> bool {
        self.paths.iter().any(|path| path.role == Role::Create)
    }

    /// Writes `auditd.paths`.
    pub(super) fn push_all(&self, event: &mut Event) {
        if self.paths.is_empty() {
            return;
        }
        event.push_json(field::AUDITD_PATHS, &self.json);
        if self.escaped {
            event.mark_escaped(field::AUDITD_PATHS.name());
        }
        if self.cut {
            mark_truncated(event, field::AUDITD_PATHS.name());
        }
    }

    fn path(&mut self, text: &[u8], start: usize) {
        let mut path = Path::default();
        let mut fields = Fields::starting(text, start);
        self.json.push('{');
        let mut first = true;
        while let Some(token) = fields.next_token() {
            path.take(text, token);
            let absent = token.form == Form::Bare && is_absent(token.value.of(text));
            if token.place == Place::Tail || absent {
                continue;
            }
            if token.name == name::OBJ {
                for (part, value) in selinux::parts(token.value.of(text)) {
                    self.known_key(&mut first, "obj_", part);
                    self.value(value.as_bytes());
                }
                continue;
            }
            match token.name {
                name::OTHER => self.foreign_key(&mut first, token.key.of(text)),
                known => self.known_key(&mut first, "", known.text()),
            }
            self.value(&decoded(text, token.value, token.form, token.name));
        }
        self.json.push('}');
        self.paths.push(path);
    }

    /// A key of our own words needs no escaping.
    fn known_key(&mut self, first: &mut bool, prefix: &str, key: &str) {
        self.comma(first);
        self.json.push('"');
        self.json.push_str(prefix);
        self.json.push_str(key);
        self.json.push_str("\":");
    }

    fn foreign_key(&mut self, first: &mut bool, key: &[u8]) {
        self.comma(first);
        push_json_string(&String::from_utf8_lossy(key), &mut self.json);
        self.json.push(':');
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.json.push(',');
        }
    }

    fn value(&mut self, value: &[u8]) {
        match str::from_utf8(value) {
            Ok(value) => push_json_string(value, &mut self.json),
            Err(_) => {
                self.escaped = true;
                push_json_string(&escape(value), &mut self.json);
            }
        }
    }

    /// The path that an action is about: what it made or removed, else the last (of an exec: the first) that it used.
    fn object(&self, first: bool) -> Option<(usize, &Path)> {
        let last = |wanted: fn(Role) -> bool| self.paths.iter().enumerate().rev().find(|(_, path)| wanted(path.role));
        if first && let Some(path) = self.paths.first() {
            return Some((0, path));
        }
        last(|role| role == Role::Create)
            .or_else(|| last(|role| role == Role::Delete))
            .or_else(|| last(|role| role == Role::Normal))
            .or_else(|| last(|role| role == Role::Unknown))
            .or_else(|| last(|_| true))
    }

    /// Writes `file.*` of the object; gives its path and type for the summary.
    pub(super) fn push_object<'a>(
        &self,
        view: View<'a>,
        call: Option<&str>,
        first: bool,
        event: &mut Event,
    ) -> Object<'a> {
        let Some((at, path)) = self.object(first) else { return Object::default() };
        let text = view.text;
        let full = self.full_path(view, call, at);
        if let Some(full) = &full {
            push_path(event, &full.path);
            if full.partial {
                event.push_bool(field::AUDITNG_FILE_PATH_PARTIAL, true);
            }
        }
        push_if_some(event, field::FILE_INODE, path.inode.of(text));
        push_if_some(event, field::FILE_DEVICE, path.dev.of(text));
        push_if_some(event, field::FILE_UID, path.ouid.of(text));
        push_if_some(event, field::FILE_GID, path.ogid.of(text));
        push_name(event, field::FILE_OWNER, path.owner.of(text));
        push_name(event, field::FILE_GROUP, path.group.of(text));
        let kind = push_mode(event, path.mode.of(text));
        selinux::push(event, &selinux::FILE, path.obj.of(text));
        numbers::push_file_capabilities(event, "cap_fp", path.permitted.of(text));
        numbers::push_file_capabilities(event, "cap_fi", path.inheritable.of(text));
        Object { path: full.map(|full| full.path), kind }
    }

    /// Of a rename the old name: the first PATH that was removed.
    pub(super) fn push_original(&self, view: View<'_>, call: Option<&str>, event: &mut Event) {
        let removed = self.paths.iter().position(|path| path.role == Role::Delete);
        if let Some(full) = removed.and_then(|at| self.full_path(view, call, at)) {
            event.push_bytes(field::AUDITNG_FILE_ORIGINAL_PATH, &full.path);
        }
    }

    /// PATH item 0 of an exec: the name that was asked for.
    pub(super) fn push_invoked(&self, view: View<'_>, call: Option<&str>, event: &mut Event) {
        if let Some(full) = self.full_path(view, call, 0) {
            event.push_bytes(field::AUDITNG_PROCESS_INVOKED, &full.path);
        }
    }

    fn full_path<'a>(&self, view: View<'a>, call: Option<&str>, at: usize) -> Option<Full<'a>> {
        let path = self.paths.get(at)?;
        let (piece, quoted) = path.name?;
        let form = if quoted { Form::Quoted } else { Form::Bare };
        let name = decoded(view.text, piece, form, name::NAME);
        if name.first() == Some(&b'/') {
            return Some(Full { path: cleaned(name), partial: false });
        }
        if dirfd::is_elsewhere(view, call, path.role == Role::Create) {
            return Some(Full { path: name, partial: true });
        }
        match view.decoded(name::CWD) {
            Some(cwd) => {
                let joined = [&cwd[..], b"/", &name].concat();
                Some(Full { path: cleaned(Cow::Owned(joined)), partial: false })
            }
            None => Some(Full { path: name, partial: true }),
        }
    }
}

/// What the summary says about a file.
#[derive(Default)]
pub(super) struct Object<'a> {
    pub(super) path: Option<Cow<'a, [u8]>>,
    pub(super) kind: Option<&'static str>,
}

struct Full<'a> {
    path: Cow<'a, [u8]>,
    /// Relative to a directory that the records do not name.
    partial: bool,
}

impl Path {
    #[inline]
    fn take(&mut self, text: &[u8], token: Token) {
        let place = match token.name {
            name::NAME if self.name.is_none() && !(token.form == Form::Bare && is_absent(token.value.of(text))) => {
                self.name = Some((token.value, token.form == Form::Quoted));
                return;
            }
            name::NAMETYPE | name::OBJTYPE => {
                self.role = role(token.value.of(text));
                return;
            }
            name::INODE => &mut self.inode,
            name::DEV => &mut self.dev,
            name::MODE => &mut self.mode,
            name::OUID => &mut self.ouid,
            name::OGID => &mut self.ogid,
            name::OBJ => &mut self.obj,
            name::CAP_FP => &mut self.permitted,
            name::CAP_FI => &mut self.inheritable,
            name::E_OUID => &mut self.owner,
            name::E_OGID => &mut self.group,
            _ => return,
        };
        *place = token.value;
    }
}

fn role(word: &[u8]) -> Role {
    match word {
        b"PARENT" => Role::Parent,
        b"CREATE" => Role::Create,
        b"DELETE" => Role::Delete,
        b"UNKNOWN" => Role::Unknown,
        _ => Role::Normal,
    }
}

/// Writes `file.path`, `.directory`, `.name` and `.extension`.
fn push_path(event: &mut Event, path: &[u8]) {
    event.push_bytes(field::FILE_PATH, path);
    let Some(slash) = memchr::memrchr(b'/', path) else { return };
    let name = &path[slash + 1..];
    event.push_bytes(field::FILE_DIRECTORY, if slash == 0 { b"/" } else { &path[..slash] });
    if !name.is_empty() {
        event.push_bytes(field::FILE_NAME, name);
    }
    match memchr::memrchr(b'.', name) {
        Some(dot) if dot > 0 && dot + 1 < name.len() => event.push_bytes(field::FILE_EXTENSION, &name[dot + 1..]),
        _ => {}
    }
}

/// Writes `file.mode` and `file.type`; gives the type in auditd_manager's words.
fn push_mode(event: &mut Event, octal: &[u8]) -> Option<&'static str> {
    let mode = str::from_utf8(octal).ok().and_then(|octal| u32::from_str_radix(octal, 8).ok())?;
    let digit = |shift: u32| char::from(b'0' + u8::try_from(mode >> shift & 7).unwrap_or(0));
    let digits = [digit(9), digit(6), digit(3), digit(0)];
    let mut buffer = [0; 4];
    for (at, digit) in digits.into_iter().enumerate() {
        digit.encode_utf8(&mut buffer[at..=at]);
    }
    event.push_str(field::FILE_MODE, str::from_utf8(&buffer).unwrap_or_default());
    let (kind, ecs) = match mode & 0o170_000 {
        0o100_000 => ("file", Some("file")),
        0o040_000 => ("directory", Some("dir")),
        0o120_000 => ("symlink", Some("symlink")),
        0o020_000 => ("character-device", None),
        0o060_000 => ("block-device", None),
        0o010_000 => ("named-pipe", None),
        0o140_000 => ("socket", None),
        _ => return None,
    };
    if let Some(ecs) = ecs {
        event.push_str(field::FILE_TYPE, ecs);
    }
    Some(kind)
}

fn push_if_some(event: &mut Event, field: schema::Field, value: &[u8]) {
    if !value.is_empty() && !is_absent(value) {
        event.push_bytes(field, value);
    }
}

fn push_name(event: &mut Event, field: schema::Field, name: &[u8]) {
    if !name.is_empty() && !name.starts_with(b"unknown(") {
        event.push_bytes(field, name);
    }
}

/// The path without `//`, `/.` and `/..`, by its letters only: a symlink before `..` may lead elsewhere.
pub(super) fn cleaned(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let untidy = path.windows(2).any(|pair| matches!(pair, b"//" | b"/.")) || path.len() > 1 && path.ends_with(b"/");
    if !untidy {
        return path;
    }
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for step in path.split(|&byte| byte == b'/') {
        match step {
            b"" | b"." => {}
            b".." => out.truncate(memchr::memrchr(b'/', &out).unwrap_or(0)),
            _ => {
                out.push(b'/');
                out.extend_from_slice(step);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_letters() {
        for (path, clean) in [
            ("/a/b", "/a/b"),
            ("/a//b/./c/", "/a/b/c"),
            ("/a/../../b", "/b"),
            ("/..", "/"),
            ("//", "/"),
            ("/a/.hidden/..x", "/a/.hidden/..x"),
        ] {
            assert_eq!(&*cleaned(Cow::Borrowed(path.as_bytes())), clean.as_bytes(), "{path}");
        }
    }
}
