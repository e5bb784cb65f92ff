//! JSON as journals and go-audit write it: small, one object a line. This crate carries no JSON library.
//!
//! Promises: never panics, linear time, memory in proportion to the input, [`DEPTH`] levels at most. Texts are bytes, since
//! what wrote them did not always care for UTF-8.

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Json {
    Null,
    Bool,
    /// As it is written.
    Number(String),
    Text(Vec<u8>),
    List(Vec<Json>),
    Object(Vec<(Vec<u8>, Json)>),
}

/// Levels of lists and objects; what is deeper is no document of theirs.
const DEPTH: usize = 16;

/// Reads one value with nothing but blanks behind it.
pub(super) fn read(text: &[u8]) -> Option<Json> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    (reader.at == text.len()).then_some(value)
}

impl Json {
    pub(super) fn object(&self) -> &[(Vec<u8>, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    /// A member of an object; the first of its name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.object().iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value)
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(super) fn text(&self) -> Option<&[u8]> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number in the range of `T`.
    pub(super) fn number<T: std::str::FromStr>(&self) -> Option<T> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.at += self.text[self.at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn is_next(&mut self, wanted: u8) -> bool {
        self.blanks();
        let found = self.text.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &[u8], value: Json) -> Option<Json> {
        let found = self.text[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.blanks();
        match *self.text.get(self.at)? {
            b'"' => self.string().map(Json::Text),
            b'{' | b'[' if depth == DEPTH => None,
            b'{' => self.members(depth),
            b'[' => self.items(depth),
            b'n' => self.word(b"null", Json::Null),
            b't' => self.word(b"true", Json::Bool),
            b'f' => self.word(b"false", Json::Bool),
            b'-' | b'0'..=b'9' => Some(self.digits()),
            _ => None,
        }
    }

    fn digits(&mut self) -> Json {
        let rest = &self.text[self.at..];
        let len = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        self.at += len;
        Json::Number(String::from_utf8_lossy(&rest[..len]).into_owned())
    }

    fn members(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut members = Vec::new();
        if self.is_next(b'}') {
            return Some(Json::Object(members));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            if !self.is_next(b':') {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
            if self.is_next(b'}') {
                return Some(Json::Object(members));
            }
            if !self.is_next(b',') {
                return None;
            }
        }
    }

    fn items(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut items = Vec::new();
        if self.is_next(b']') {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.is_next(b']') {
                return Some(Json::List(items));
            }
            if !self.is_next(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        if self.next()? != b'"' {
            return None;
        }
        let mut out = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = memchr::memchr2(b'"', b'\\', rest)?;
            out.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            if rest[plain] == b'"' {
                return Some(out);
            }
            match self.next()? {
                b'n' => out.push(b'\n'),
                b't' => out.push(b'\t'),
                b'r' => out.push(b'\r'),
                b'b' => out.push(8),
                b'f' => out.push(12),
                b'u' => {
                    let character = self.character()?;
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte @ (b'"' | b'\\' | b'/') => out.push(byte),
                _ => return None,
            }
        }
    }

    /// Behind `\u`; half of a pair alone is the sign for what cannot be shown.
    fn character(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) || !self.text[self.at..].starts_with(b"\\u") {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let second = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = before;
            return Some(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from_serde(value: &serde_json::Value) -> Json {
        match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(_) => Json::Bool,
            serde_json::Value::Number(number) => Json::Number(number.to_string()),
            serde_json::Value::String(text) => Json::Text(text.clone().into_bytes()),
            serde_json::Value::Array(items) => Json::List(items.iter().map(from_serde).collect()),
            serde_json::Value::Object(members) => Json::Object(
                members.iter().map(|(name, value)| (name.clone().into_bytes(), from_serde(value))).collect(),
            ),
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in
            ["", "{", "[1", "{\"a\"}", "\"a", "\"\\x\"", "\"\\u12\"", "1 2", "nul", "[1,]", "{,}", "\"\\u+123\""]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read("[".repeat(100).as_bytes()), None);
        assert_eq!(read(br#""\ud83d\ude00 \ud83d \u00e9""#), Some(Json::Text("😀 \u{fffd} é".into())));
        assert_eq!(read(b"\"\xff\""), Some(Json::Text(vec![0xff])));
    }

    proptest! {
        #[test]
        fn reads_what_a_library_reads(text in r#"[\[\]{}:,"a1 -]{0,20}"#, name in any::<String>(), word in any::<String>(), number in any::<i64>()) {
            let document = serde_json::json!({ name: [word, number, null, true, {}] });
            for text in [document.to_string(), text] {
                if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                    let Some(ours) = read(text.as_bytes()) else { panic!("{text}") };
                    // A library keeps the last of two members of a name and writes numbers its own way.
                    let written = value.to_string();
                    if text == written {
                        prop_assert_eq!(ours, from_serde(&value));
                    }
                }
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
        }
    }
}
