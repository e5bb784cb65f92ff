//! Takes secrets out of text before it is stored, compared or sent.
//!
//! Taken out are, whole and rather too much than too little:
//! - what stands between `-----BEGIN ...-----` and its end,
//! - values of names that contain `password passwd passphrase secret token apikey private credential` or the like, to the end of the
//!   line or of the quotes, with the indented lines below where the value stands there,
//! - what stands between `://` and `@`,
//! - runs of 24 and more characters of base64 or hex that look random.
//!
//! A secret becomes a [`Tag`]: BLAKE3 of it under a key of this host, so that "changed or not" shows in what is kept, and neither it
//! nor a hash that others could guess at is. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What stands for a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tag([u8; 16]);

/// Text without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redacted {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Secret(Tag),
}

/// Stands around a tag in stored text: what has this character is not text, and not compared at all.
const MARK: char = '\0';

impl Redacted {
    /// Takes the secrets out.
    #[must_use]
    pub fn of(text: &str, key: &[u8; 32]) -> Self {
        let mut pieces = Vec::new();
        let mut at = 0;
        for secret in secrets(text) {
            if at < secret.start {
                pieces.push(Piece::Text(text[at..secret.start].to_owned()));
            }
            let mut tag = [0; 16];
            tag.copy_from_slice(&blake3::keyed_hash(key, text[secret.clone()].as_bytes()).as_bytes()[..16]);
            pieces.push(Piece::Secret(Tag(tag)));
            at = secret.end;
        }
        if at < text.len() {
            pieces.push(Piece::Text(text[at..].to_owned()));
        }
        Self { pieces }
    }

    /// The form that is kept: tags in hex between marks.
    #[must_use]
    pub fn stored(&self) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Secret(Tag(tag)) => {
                    out.push(MARK);
                    // Writing to a String cannot fail.
                    tag.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap_or_default());
                    out.push(MARK);
                }
            }
        }
        out
    }

    /// From the form that is kept. `None`: it is none.
    #[must_use]
    pub fn read(stored: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut parts = stored.split(MARK);
        loop {
            let text = parts.next()?;
            if !text.is_empty() {
                pieces.push(Piece::Text(text.to_owned()));
            }
            match parts.next() {
                None => return Some(Self { pieces }),
                Some(tag) => pieces.push(Piece::Secret(tag_of(tag)?)),
            }
        }
    }

    /// For people: each secret as `<redacted N>`, by first appearance in what the numbers know already and then here.
    #[must_use]
    pub fn shown(&self, numbers: &mut Numbers) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Secret(tag) => write!(out, "<redacted {}>", numbers.of(*tag)).unwrap_or_default(),
            }
        }
        out
    }
}

fn tag_of(hex: &str) -> Option<Tag> {
    let bytes = hex.as_bytes();
    let mut tag = [0; 16];
    if bytes.len() != 32 {
        return None;
    }
    for (byte, pair) in tag.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Tag(tag))
}

/// Numbers of secrets over both sides of a difference.
#[derive(Debug, Default)]
pub struct Numbers(HashMap<Tag, usize>);

impl Numbers {
    fn of(&mut self, tag: Tag) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(tag).or_insert(next)
    }
}

#[expect(clippy::unwrap_used, reason = "the patterns are constants, held by every test here")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static PEM: LazyLock<Regex> = LazyLock::new(|| pattern(r"-----BEGIN [A-Z0-9 ]{1,64}-----"));
static PEM_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"-----END [A-Z0-9 ]{1,64}-----"));
/// A name, and what stands between it and its value. Between a name and a value without `=` or `:` a blank has to be.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)(?:passw|passphrase|pwd|secret|token|api[_\-. ]?key|private|credential|psk|access[_\-]?key|auth[_\-]?key)",
        r#"[\w.\-]*["'\]]*(?:[ \t]*(?:=>|:=|[:=])|(>)|[ \t])[ \t]*"#
    ))
});
static USER: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[A-Za-z][A-Za-z0-9+.\-]*://([^\s"'<>]*)@"#));
static RUN: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9+/_\-]{24,}={0,2}"));
/// A JSON web token: its parts may be short, and begin with the base64 of `{"`.
static JWT: LazyLock<Regex> = LazyLock::new(|| pattern(r"eyJ[A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]*)+"));

/// Where the secrets stand, in order, none touching another.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    blocks(text, &mut found);
    values(text, &mut found);
    found.extend(USER.captures_iter(text).filter_map(|user| user.get(1)).map(|user| user.range()));
    found.extend(RUN.find_iter(text).filter(|run| random(run.as_str())).map(|run| run.range()));
    found.extend(JWT.find_iter(text).map(|token| token.range()));
    found.retain(|range| !range.is_empty());
    found.sort_by_key(|range| (range.start, range.end));
    let mut one: Vec<Range<usize>> = Vec::new();
    for range in found {
        match one.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => one.push(range),
        }
    }
    one
}

/// PEM blocks without their first and last line; one that does not end goes to the end of the text.
fn blocks(text: &str, found: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(begin) = PEM.find_at(text, at) {
        let start = skip_newline(text, begin.end());
        let end = PEM_END.find_at(text, start).map_or(text.len(), |end| end.start());
        found.push(start..without_newline(text, start, end));
        at = end.max(start);
    }
}

fn skip_newline(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) }
}

fn without_newline(text: &str, start: usize, end: usize) -> usize {
    start + text[start..end].trim_end_matches(['\r', '\n']).len()
}

/// Values of names that say that they are secret.
fn values(text: &str, found: &mut Vec<Range<usize>>) {
    // `-----BEGIN PRIVATE KEY-----` is no name with a value.
    let mut marks: Vec<Range<usize>> =
        PEM.find_iter(text).chain(PEM_END.find_iter(text)).map(|mark| mark.range()).collect();
    marks.sort_by_key(|mark| mark.start);
    let mut marks = marks.into_iter().peekable();
    let mut at = 0;
    while let Some(name) = NAME.captures_at(text, at) {
        let Some(whole) = name.get(0) else { return };
        while marks.next_if(|mark| mark.end <= whole.start()).is_some() {}
        if let Some(mark) = marks.next_if(|mark| mark.start <= whole.start()) {
            at = mark.end;
            continue;
        }
        let value = value(text, whole.start(), whole.end(), name.get(1).is_some());
        at = value.end.max(whole.end());
        found.push(value);
    }
}

/// The value that begins at `from`, of a name that begins at `name`; `markup`: it is the text of an element.
fn value(text: &str, name: usize, from: usize, markup: bool) -> Range<usize> {
    let rest = &text[from..];
    if markup {
        let end = rest.find('<').unwrap_or(rest.len());
        return from..from + end;
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    if let Some(quote) = quote
        && let Some(end) = closing(&rest[1..], quote)
    {
        return from..word_end(text, from + 1 + end + 1);
    }
    let line = rest.find('\n').unwrap_or(rest.len());
    let open = rest[..line].trim_end();
    let end = from + open.len();
    let goes_on = open.is_empty() || quote.is_some() || open.ends_with(['{', '[', '(', '|', '>', '-', '\\', '+', ',']);
    if !goes_on {
        return from..end;
    }
    let below = below(text, name, from + line);
    from..below.unwrap_or(end)
}

/// What stands at a closing quote without a blank between belongs to the value, as in a shell's `'a'"b"`.
fn word_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(c) = text[at..].chars().next().filter(|c| !c.is_whitespace() && !",;}])>".contains(*c)) {
        at += c.len_utf8();
        if matches!(c, '"' | '\'' | '`') {
            at += closing(&text[at..], c).map_or(0, |length| length + 1);
        }
    }
    at
}

/// Bytes up to the closing quote.
fn closing(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// The end of the lines after `from` that are indented deeper than the line of the name, are items of a list at its depth, or follow a
/// backslash; `None`: there are none. At least one line that is not empty is taken, as the value stands on it.
fn below(text: &str, name: usize, from: usize) -> Option<usize> {
    let start = text[..name].rfind('\n').map_or(0, |at| at + 1);
    let depth = |line: &str| line.len() - line.trim_start().len();
    let own = depth(&text[start..]);
    let (mut end, mut at, mut continued, mut some) = (None, from, true, false);
    while at < text.len() {
        let begin = at + 1;
        let stop = text[begin.min(text.len())..].find('\n').map_or(text.len(), |length| begin + length);
        let line = text.get(begin..stop)?;
        let item = line.trim_start().starts_with("- ") && depth(line) >= own;
        if line.trim().is_empty() {
            at = stop;
            continue;
        }
        if !(depth(line) > own || item || continued && !some) {
            break;
        }
        continued = line.trim_end().ends_with('\\');
        some = !continued;
        end = Some(begin + line.trim_end().len());
        at = stop;
    }
    end
}

/// Whether a run of such characters looks like made by chance, not by people: hex with digits and letters, or letters whose kinds
/// change often. Paths and names are told from secrets by changing rarely within their words.
fn random(run: &str) -> bool {
    let bytes = run.as_bytes();
    let hex = bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let entropy = entropy(bytes);
    if hex && entropy >= 2.5 {
        return true;
    }
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    let pairs = || bytes.windows(2).map(|pair| (kind(pair[0]), kind(pair[1]))).filter(|(a, b)| *a != 0 && *b != 0);
    let changes = pairs().filter(|(a, b)| a != b).count();
    let often = changes * 100 >= pairs().count() * 22;
    let words = bytes.iter().any(|byte| kind(*byte) == 0);
    often && entropy >= 3.4 || !words && entropy >= 3.6
}

/// Shannon's entropy of the bytes, in bits each.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let total = bytes.len() as f64;
    let part = |count: &u32| {
        let share = f64::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn shown(text: &str) -> String {
        Redacted::of(text, &KEY).shown(&mut Numbers::default())
    }

    #[test]
    fn values_of_secret_names() {
        for (text, expected) in [
            ("password=hunter2\nuser=bob", "password=<redacted 1>\nuser=bob"),
            ("db.Password : a b c\n", "db.Password : <redacted 1>\n"),
            (r#"{"api_key":"x","n":1}"#, r#"{"api_key":<redacted 1>,"n":1}"#),
            ("requirepass foo", "requirepass foo"),
            ("  --token abc", "  --token <redacted 1>"),
            ("<password>a</password><b>c</b>", "<password><redacted 1></password><b>c</b>"),
            ("secret: |\n  one\n  two\nnext: 1\n", "secret: <redacted 1>\nnext: 1\n"),
            ("tokens:\n- a\n- b\nnext: 1", "tokens:<redacted 1>\nnext: 1"),
            ("PASSWORD='a'\"b\" x", "PASSWORD=<redacted 1> x"),
            ("password = a\\\n  b\nc", "password = <redacted 1>\nc"),
            ("\"password\":\n    \"x\",\n", "\"password\":<redacted 1>\n"),
            ("the private network", "the private <redacted 1>"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn f47_blocks_addresses_and_runs() {
        for (text, expected) in [
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz\n-----END RSA PRIVATE KEY-----\nb",
                "a\n-----BEGIN RSA PRIVATE KEY-----\n<redacted 1>\n-----END RSA PRIVATE KEY-----\nb",
            ),
            ("-----BEGIN X-----\nMIIE\nxyz", "-----BEGIN X-----\n<redacted 1>"),
            ("url = http://bob:pw@host/x", "url = http://<redacted 1>@host/x"),
            ("k AKIAIOSFODNN7EXAMPLEwJalrXUtnFEMIK7MDENG v", "k <redacted 1> v"),
            ("sum 3b5d5c3712955042212316173ccf37be", "sum <redacted 1>"),
            ("eyJhbGci.eyJzdWI.x y", "<redacted 1> y"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "/usr/share/perl5/Debconf/FrontEnd/Noninteractive.pm",
            "ExecStart=/lib/systemd/systemd-networkd-wait-online",
            "include /etc/nginx/conf.d/*.conf",
            "________________________________",
            "================================",
            "net.ipv4.conf.default.accept_source_route = 0",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn the_same_secret_has_the_same_number_and_what_is_kept_reads_back() {
        let text = "password=a\ntoken=b\npassword=a\n";
        let redacted = Redacted::of(text, &KEY);
        let expected = "password=<redacted 1>\ntoken=<redacted 2>\npassword=<redacted 1>\n";
        assert_eq!(redacted.shown(&mut Numbers::default()), expected);
        assert_eq!(Redacted::read(&redacted.stored()), Some(redacted));
        assert_eq!(Redacted::read("a\0b"), None);
        assert_eq!(Redacted::read("a\0zz\0"), None);
    }
}
