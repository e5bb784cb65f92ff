//! A line into words.
//!
//! Words are separated by blanks and tabs. `\ ` is a blank inside a word, any other backslash stands for itself
//! (auditctl). Where a word or the value behind its operator starts with a quote, `'...'` and `"..."` hold blanks,
//! and `$'...'` holds escapes. A quote anywhere else stands for itself: `/home/o'brien` is a path.

/// A word and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// With quotes and escapes undone.
    pub(super) bytes: Vec<u8>,
    pub(super) place: Place,
}

/// Columns of a line, counted in characters from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) width: usize,
}

impl Word {
    /// For names, numbers and operators, which are ASCII: bytes that are not UTF-8 become U+FFFD and match nothing.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Where a line cannot be cut into words, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) place: Place,
    pub(super) why: &'static str,
}

/// The words of a line.
pub(super) fn words(line: &str) -> Result<Vec<Word>, Broken> {
    let chars: Vec<char> = line.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0 };
    let mut words = Vec::new();
    while let Some(word) = reader.word()? {
        words.push(word);
    }
    Ok(words)
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn word(&mut self) -> Result<Option<Word>, Broken> {
        while self.peek(0).is_some_and(is_blank) {
            self.at += 1;
        }
        let start = self.at;
        let mut bytes = Vec::new();
        let mut may_quote = true;
        while let Some(c) = self.peek(0).filter(|c| !is_blank(*c)) {
            match (c, self.peek(1)) {
                ('\'' | '"', _) if may_quote => self.quoted(c, &mut bytes)?,
                ('$', Some('\'')) if may_quote => self.escaped(&mut bytes)?,
                ('\\', Some(' ')) => {
                    bytes.push(b' ');
                    self.at += 2;
                }
                _ => {
                    push(&mut bytes, c);
                    self.at += 1;
                }
            }
            may_quote = matches!(c, '=' | '<' | '>' | '&');
        }
        let place = Place { column: start + 1, width: self.at - start };
        Ok((self.at > start).then_some(Word { bytes, place }))
    }

    /// From the opening quote to behind the closing one.
    fn quoted(&mut self, quote: char, bytes: &mut Vec<u8>) -> Result<(), Broken> {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            if c == quote {
                return self.end_of_word(start);
            }
            push(bytes, c);
        }
        Err(self.broken(start, "this quote is not closed"))
    }

    fn escaped(&mut self, bytes: &mut Vec<u8>) -> Result<(), Broken> {
        let start = self.at;
        self.at += 2;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\'' => return self.end_of_word(start),
                '\\' => self.escape(bytes)?,
                other => push(bytes, other),
            }
        }
        Err(self.broken(start, "this quote is not closed"))
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), Broken> {
        let start = self.at - 1;
        let c = self.peek(0);
        self.at += 1;
        match c {
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('\\') => bytes.push(b'\\'),
            Some('\'') => bytes.push(b'\''),
            Some('x') => {
                let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
                let (Some(high), Some(low)) = (digit(self.peek(0)), digit(self.peek(1))) else {
                    return Err(self.broken(start, "\\x needs two hexadecimal digits"));
                };
                bytes.push(high << 4 | low);
                self.at += 2;
            }
            _ => return Err(self.broken(start, "unknown escape: there are \\n \\t \\\\ \\' and \\xNN")),
        }
        Ok(())
    }

    fn end_of_word(&self, start: usize) -> Result<(), Broken> {
        match self.peek(0) {
            Some(c) if !is_blank(c) => Err(self.broken(start, "a closing quote must end the word")),
            _ => Ok(()),
        }
    }

    fn broken(&self, start: usize, why: &'static str) -> Broken {
        let end = self.at.min(self.chars.len());
        Broken { place: Place { column: start + 1, width: end.saturating_sub(start).max(1) }, why }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A word that [`words`] reads as these bytes, in auditctl's own spelling where that can write them.
pub(super) fn quote(bytes: &[u8]) -> String {
    let plain = std::str::from_utf8(bytes).ok().filter(|text| {
        let ends =
            text.starts_with(['\'', '"', '-']) || text.starts_with("$'") || text.ends_with('\\') || text.is_empty();
        !ends && !text.contains(char::is_control) && !has_quoted_operator(text)
    });
    match plain {
        Some(text) => text.replace(' ', "\\ "),
        None => escape_all(bytes),
    }
}

/// `a="b` would be read as an open quote.
fn has_quoted_operator(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    chars.windows(2).any(|pair| matches!(pair[0], '=' | '<' | '>' | '&') && matches!(pair[1], '\'' | '"' | '$'))
}

fn escape_all(bytes: &[u8]) -> String {
    let mut out = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\\' => out.push_str("\\\\"),
                '\'' => out.push_str("\\'"),
                c if c.is_control() => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_hex(&mut out, byte)),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| push_hex(&mut out, *byte));
    }
    out.push('\'');
    out
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str(&format!("\\x{byte:02x}"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expect: &[&str]) {
        let found = words(line).unwrap();
        let found: Vec<_> = found.iter().map(Word::text).collect();
        assert_eq!(found, expect, "{line}");
    }

    fn check_broken(line: &str, column: usize, why: &str) {
        let broken = words(line).unwrap_err();
        assert_eq!((broken.place.column, broken.why), (column, why), "{line}");
    }

    #[test]
    fn three_spellings_of_a_blank() {
        check(r"-w /a\ b -k x", &["-w", "/a b", "-k", "x"]);
        check(r#"-w "/a b" -k x"#, &["-w", "/a b", "-k", "x"]);
        check(r"-w '/a b' -k x", &["-w", "/a b", "-k", "x"]);
        check(r#"-F path="/a b""#, &["-F", "path=/a b"]);
    }

    #[test]
    fn backslashes_and_quotes_inside_stand_for_themselves() {
        check(r"-w /a\b\\c", &["-w", r"/a\b\\c"]);
        check("-w /home/o'brien -k it's", &["-w", "/home/o'brien", "-k", "it's"]);
    }

    #[test]
    fn escapes() {
        check(r"-F path=$'/a\n\x41\'\\' -k x", &["-F", "path=/a\nA'\\", "-k", "x"]);
        check_broken(r"$'\q'", 3, "unknown escape: there are \\n \\t \\\\ \\' and \\xNN");
        check_broken(r"$'\x4'", 3, "\\x needs two hexadecimal digits");
    }

    #[test]
    fn broken_quotes() {
        check_broken(r#"-w "/a"#, 4, "this quote is not closed");
        check_broken(r#"-w "/a"b"#, 4, "a closing quote must end the word");
    }

    #[test]
    fn columns_count_characters() {
        let found = words("-w /ä  -k x").unwrap();
        assert_eq!(found[2].place, Place { column: 8, width: 2 });
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            for bytes in [bytes.clone(), bytes.iter().map(|byte| b" \\'\"=$-ax\n"[usize::from(byte % 10)]).collect()] {
                let line = format!("-k {} -S x", quote(&bytes));
                let found = words(&line).unwrap();
                prop_assert_eq!((&found[1].bytes, found.len()), (&bytes, 4), "{}", line);
                let line = format!("path={}", quote(&bytes));
                let found = words(&line).unwrap();
                prop_assert_eq!(&found[0].bytes[5..], &bytes, "{}", line);
            }
        }

        #[test]
        fn no_line_panics(line in ".{0,60}") {
            let _any = words(&line);
        }
    }
}
