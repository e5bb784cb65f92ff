//! Constants out of C headers: `#define`s and enums, evaluated, without a C compiler.
//!
//! Understands integer literals, character literals, names, parentheses, unary `- ~ !`, the binary operators that
//! kernel headers use, casts to integer types, and `_IO*(type, number, int)`. What it cannot evaluate is no constant.
//! Conditionals are not followed: **the first definition of a name wins**, so an architecture's header goes before
//! the generic one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The constants of some headers, in the order of their definition.
#[derive(Default)]
pub(crate) struct Constants {
    order: Vec<String>,
    expressions: HashMap<String, String>,
    enums: HashMap<String, Vec<String>>,
    /// Names written as `# define`: parameters of the constant above them, by the kernel's habit.
    nested: Vec<String>,
}

impl Constants {
    /// Reads headers, earlier ones first.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut constants = Self::default();
        for path in paths {
            constants.read_file(path)?;
        }
        Ok(constants)
    }

    /// Adds what a header has.
    pub(crate) fn read_file(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.read_text(&String::from_utf8_lossy(&text));
        Ok(())
    }

    /// Adds what a text has.
    pub(crate) fn read_text(&mut self, text: &str) {
        let text = without_comments(text).replace("\\\n", " ");
        for line in text.lines() {
            self.read_define(line.trim());
        }
        self.read_enums(&text);
    }

    fn read_define(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix('#') else { return };
        let nested = rest.starts_with([' ', '\t']);
        let Some(rest) = rest.trim_start().strip_prefix("define") else { return };
        let rest = rest.trim();
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (name, value) = rest.split_at(end);
        let value = value.trim();
        if name.is_empty() || value.is_empty() || rest[end..].starts_with('(') || value == name {
            return;
        }
        if nested {
            self.nested.push(name.to_owned());
        }
        self.define(name, value.to_owned());
    }

    fn define(&mut self, name: &str, expression: String) {
        if !self.expressions.contains_key(name) {
            self.order.push(name.to_owned());
            self.expressions.insert(name.to_owned(), expression);
        }
    }

    fn read_enums(&mut self, text: &str) {
        let without_directives: String =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(|line| [line, "\n"]).collect();
        let mut rest = without_directives.as_str();
        while let Some(start) = rest.find("enum") {
            rest = &rest[start + 4..];
            let Some((head, body)) = rest.split_once('{') else { return };
            if head.len() > 64 || head.contains([';', '(', ')', '=']) {
                continue;
            }
            let Some((body, _)) = body.split_once('}') else { return };
            self.read_enum(head.trim(), body);
        }
    }

    fn read_enum(&mut self, name: &str, body: &str) {
        let mut previous = None::<String>;
        let mut members = Vec::new();
        for member in body.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            let (member, value) = member.split_once('=').map_or((member, None), |(name, value)| (name, Some(value)));
            let member = member.trim();
            let follows = previous.take().map_or("0".to_owned(), |previous| format!("({previous}) + 1"));
            self.define(member, value.map_or(follows, |value| value.trim().to_owned()));
            previous = Some(member.to_owned());
            members.push(member.to_owned());
        }
        self.enums.insert(name.to_owned(), members);
    }

    /// All constants in order of definition.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, i128)> {
        self.order.iter().filter_map(|name| Some((name.as_str(), self.value(name)?)))
    }

    /// All but the nested ones.
    pub(crate) fn top_level(&self) -> impl Iterator<Item = (&str, i128)> {
        self.all().filter(|(name, _)| !self.nested.iter().any(|nested| nested == name))
    }

    /// The members of an enum.
    pub(crate) fn members(&self, of: &str) -> Vec<(&str, i128)> {
        let members = self.enums.get(of).into_iter().flatten();
        members.filter_map(|name| Some((name.as_str(), self.value(name)?))).collect()
    }

    /// The value of a name.
    pub(crate) fn value(&self, name: &str) -> Option<i128> {
        self.evaluate(self.expressions.get(name)?, 0)
    }

    fn evaluate(&self, expression: &str, depth: usize) -> Option<i128> {
        // Enum members are each defined by the one before: allow a long chain, refuse a circle.
        if depth > 700 {
            return None;
        }
        let mut reader = Reader { tokens: tokens(expression)?, at: 0, constants: self, depth };
        let value = reader.binary(0)?;
        (reader.at == reader.tokens.len()).then_some(value)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find("*/") else { return out };
        out.push(' ');
        out.extend(rest[start..start + end].matches('\n'));
        rest = &rest[start + end + 2..];
    }
    out.push_str(rest);
    out.lines().flat_map(|line| [line.split("//").next().unwrap_or(""), "\n"]).collect()
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Number(i128),
    Name(String),
    Sign(&'static str),
}

/// Longest first, so that `<<` is not read as two.
const SIGNS: [&str; 14] = ["<<", ">>", "|", "&", "^", "+", "-", "*", "/", "~", "!", "(", ")", ","];

fn tokens(expression: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = expression.trim();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            out.push(Token::Number(i128::from(*rest.as_bytes().get(1)?)));
            3
        } else if is_word(first) {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            out.push(if first.is_ascii_digit() { Token::Number(number(word)?) } else { Token::Name(word.to_owned()) });
            end
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
            out.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(out)
}

fn number(word: &str) -> Option<i128> {
    let digits = word.trim_end_matches(['u', 'U', 'l', 'L']);
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i128::from_str_radix(hex, 16).ok();
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i128::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    constants: &'a Constants,
    depth: usize,
}

const TYPES: [&str; 8] = ["int", "unsigned", "long", "__u64", "__u32", "__s32", "__u16", "__u8"];

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn binary(&mut self, floor: u8) -> Option<i128> {
        let mut left = self.unary()?;
        while let Some(Token::Sign(sign)) = self.peek().cloned() {
            let Some(level) = precedence(sign).filter(|level| *level >= floor) else { break };
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = apply(sign, left, right)?;
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i128> {
        if self.take("-") {
            return self.unary()?.checked_neg();
        }
        if self.take("~") {
            return Some(!self.unary()?);
        }
        if self.take("!") {
            return Some(i128::from(self.unary()? == 0));
        }
        if self.take("(") {
            return self.parenthesis();
        }
        match self.peek()?.clone() {
            Token::Number(value) => {
                self.at += 1;
                Some(value)
            }
            Token::Name(name) => {
                self.at += 1;
                if name.starts_with("_IO") { self.ioctl(&name) } else { self.name(&name) }
            }
            Token::Sign(_) => None,
        }
    }

    fn name(&self, name: &str) -> Option<i128> {
        self.constants.evaluate(self.constants.expressions.get(name)?, self.depth + 1)
    }

    /// After `(`: a cast or an expression.
    fn parenthesis(&mut self) -> Option<i128> {
        let is_type = |token: &Token| matches!(token, Token::Name(name) if TYPES.contains(&name.as_str()));
        if self.peek().is_some_and(is_type) {
            while self.peek().is_some_and(is_type) {
                self.at += 1;
            }
            return if self.take(")") { self.unary() } else { None };
        }
        let value = self.binary(0)?;
        self.take(")").then_some(value)
    }

    /// `_IO(type, number)`, `_IOR/_IOW/_IOWR(type, number, int)` by the generic encoding.
    fn ioctl(&mut self, name: &str) -> Option<i128> {
        let direction = match name {
            "_IO" => 0,
            "_IOW" => 1,
            "_IOR" => 2,
            "_IOWR" => 3,
            _ => return None,
        };
        if !self.take("(") {
            return None;
        }
        let kind = self.binary(0)?;
        let number = if self.take(",") { self.binary(0)? } else { return None };
        let size = if direction == 0 { 0 } else { self.ioctl_size()? };
        self.take(")").then_some(direction << 30 | size << 16 | kind << 8 | number)
    }

    fn ioctl_size(&mut self) -> Option<i128> {
        if !self.take(",") {
            return None;
        }
        let Some(Token::Name(name)) = self.peek().cloned() else { return None };
        self.at += 1;
        match name.as_str() {
            "int" | "__u32" | "__s32" => Some(4),
            "__u64" => Some(8),
            "unsigned" => self.ioctl_rest(),
            _ => None,
        }
    }

    /// `unsigned` alone or `unsigned int`.
    fn ioctl_rest(&mut self) -> Option<i128> {
        match self.peek() {
            Some(Token::Name(name)) if name == "int" => {
                self.at += 1;
                Some(4)
            }
            Some(Token::Name(_)) => None,
            _ => Some(4),
        }
    }
}

fn precedence(sign: &str) -> Option<u8> {
    Some(match sign {
        "|" => 1,
        "^" => 2,
        "&" => 3,
        "<<" | ">>" => 4,
        "+" | "-" => 5,
        "*" | "/" => 6,
        _ => return None,
    })
}

fn apply(sign: &str, left: i128, right: i128) -> Option<i128> {
    Some(match sign {
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "<<" => left.checked_shl(u32::try_from(right).ok()?)?,
        ">>" => left.checked_shr(u32::try_from(right).ok()?)?,
        "+" => left.checked_add(right)?,
        "-" => left.checked_sub(right)?,
        "*" => left.checked_mul(right)?,
        "/" => left.checked_div(right)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, expect: Option<i128>) {
        let mut constants = Constants::default();
        constants.read_text(text);
        assert_eq!(constants.value(name), expect, "{text}");
    }

    #[test]
    fn expressions() {
        check("#define A (1 << 4 | 0x3) /* text */", "A", Some(0x13));
        check("#define B 010\n#define A (B + 1)", "A", Some(9));
        check("#define A ((__u64)1 << 32)", "A", Some(1 << 32));
        check("#define A _IOW('T', 202, int)", "A", Some(0x4004_54ca));
        check("#define A _IOW('T', 202, struct x)", "A", None);
        check("#define A A", "A", None);
        check("#define A B\n#define B A", "A", None);
        check("#define A(x) x", "A", None);
        check("#define A (1 | \\\n 2)", "A", Some(3));
    }

    #[test]
    fn the_first_definition_wins() {
        check("#define A 1\n#define A 2", "A", Some(1));
    }

    #[test]
    fn enums_count_on() {
        check("enum e { A, B = 7,\n C, };", "C", Some(8));
    }
}
