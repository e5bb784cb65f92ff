//! Patterns of paths. They work on bytes and component by component:
//!
//! ```text
//! *  ?  [a-z] [!a-z]   inside of one component; ? and a set are one byte
//! **                   any number of components, none too; stands alone in its component
//! {a,b}                one or the other; may hold slashes
//! /etc                 that one object
//! /etc/  /etc/**       it and all below
//! \c  \xFF             the character itself; the byte of this number
//! ```
//!
//! A pattern is absolute, or begins with `**/`. Names are never folded or normalised.

/// Alternatives that braces may make of one pattern; more is an error.
const ALTERNATIVES: usize = 1024;

/// What one component must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Part {
    /// This name.
    Literal(Box<[u8]>),
    /// A name like this.
    Like(Box<[Token]>),
    /// Any number of components.
    Tree,
}

/// A piece of a component's pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Token {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Many,
    /// `[..]`: one byte in these ranges, or with `true` outside of them.
    Set(Box<[(u8, u8)]>, bool),
}

/// A pattern without braces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    /// As people wrote it, with its braces.
    pub(super) text: Box<str>,
    pub(super) parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern; braces make several.
    pub(super) fn read(text: &str) -> Result<Vec<Self>, String> {
        if text.contains('\0') {
            return Err("holds a NUL, which no path has".to_owned());
        }
        let one = |bytes: Vec<u8>| parts(&bytes).map(|parts| Self { text: text.into(), parts });
        braces(text.as_bytes())?.into_iter().map(one).collect()
    }

    /// The same for at most `depth` folders under each `**`.
    pub(super) fn bounded(self, depth: u32) -> Result<Vec<Self>, String> {
        let mut all = vec![Vec::new()];
        for (at, part) in self.parts.iter().enumerate() {
            if *part != Part::Tree {
                all.iter_mut().for_each(|parts| parts.push(part.clone()));
                continue;
            }
            // What lies in the deepest folder still counts where the pattern ends with the tree.
            let most = depth as usize + usize::from(at + 1 == self.parts.len());
            let any = Part::Like([Token::Many].into());
            let deeper =
                |parts: &Vec<Part>, n| parts.iter().cloned().chain(std::iter::repeat_n(any.clone(), n)).collect();
            all = all.iter().flat_map(|parts| (0..=most).map(move |n| deeper(parts, n))).collect();
            if all.len() > ALTERNATIVES {
                return Err(format!("with this recursion it stands for more than {ALTERNATIVES} patterns"));
            }
        }
        Ok(all.into_iter().map(|parts| Self { text: self.text.clone(), parts }).collect())
    }

    /// A path's components that are certain: those before the first pattern.
    pub(super) fn literal(&self) -> &[Part] {
        let certain = self.parts.iter().take_while(|part| matches!(part, Part::Literal(_))).count();
        &self.parts[..certain]
    }

    /// Whether it is written from `/` on, not from anywhere.
    pub(super) fn is_absolute(&self) -> bool {
        self.parts.first() != Some(&Part::Tree) || self.text.starts_with('/')
    }

    /// Whether it is one object's path.
    pub(super) fn is_literal(&self) -> bool {
        self.literal().len() == self.parts.len()
    }

    /// Whether it stands for this path; plain and slow, for explanations and as the measure of [`super::trie`].
    pub(super) fn fits(&self, path: &[u8]) -> bool {
        let components: Vec<&[u8]> = components(path).collect();
        fits(&self.parts, &components)
    }
}

/// A path's components; empty ones do not count.
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty())
}

/// In a row of table rows, one for each part, so that many `**` do not multiply.
fn fits(parts: &[Part], components: &[&[u8]]) -> bool {
    // reached[i]: the parts so far stand for the first i components.
    let mut reached = vec![false; components.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; components.len() + 1];
        for (i, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            match part {
                Part::Tree => next[i..].fill(true),
                Part::Literal(_) | Part::Like(_) => {
                    if components.get(i).is_some_and(|name| part.is(name)) {
                        next[i + 1] = true;
                    }
                }
            }
        }
        reached = next;
    }
    reached[components.len()]
}

impl Part {
    /// Whether a component is this; a tree is every one.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(literal) => **literal == *name,
            Self::Like(tokens) => like(tokens, name),
            Self::Tree => true,
        }
    }
}

/// Whether a name is like this. Takes at most tokens times bytes steps.
pub(super) fn like(tokens: &[Token], name: &[u8]) -> bool {
    let (mut at, mut i) = (0, 0);
    let mut star = None;
    while i < name.len() {
        match tokens.get(at) {
            Some(Token::Many) => {
                star = Some((at, i));
                at += 1;
                continue;
            }
            Some(token) if token.is(name[i]) => {
                at += 1;
                i += 1;
                continue;
            }
            _ => {}
        }
        let Some((many, from)) = star else { return false };
        star = Some((many, from + 1));
        at = many + 1;
        i = from + 1;
    }
    tokens[at..].iter().all(|token| *token == Token::Many)
}

impl Token {
    fn is(&self, byte: u8) -> bool {
        match self {
            Self::Byte(this) => *this == byte,
            Self::One | Self::Many => true,
            Self::Set(ranges, outside) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&byte)) != *outside,
        }
    }
}

/// Writes out `{a,b}`, also within each other. Escapes stay for the parts.
fn braces(text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut at = 0;
    let all = alternatives(text, &mut at, 0)?;
    if at < text.len() { Err("has a } without {".to_owned()) } else { Ok(all) }
}

fn alternatives(text: &[u8], at: &mut usize, depth: usize) -> Result<Vec<Vec<u8>>, String> {
    if depth > 16 {
        return Err("has braces more than 16 deep".to_owned());
    }
    let (mut done, mut all) = (Vec::new(), vec![Vec::new()]);
    while let Some(&byte) = text.get(*at) {
        match byte {
            b'{' => {
                *at += 1;
                let inner = alternatives(text, at, depth + 1)?;
                if text.get(*at) != Some(&b'}') {
                    return Err("has a { without }".to_owned());
                }
                *at += 1;
                if all.len() * inner.len() > ALTERNATIVES {
                    return Err(format!("stands for more than {ALTERNATIVES} patterns"));
                }
                all = all.iter().flat_map(|start| inner.iter().map(move |end| [&start[..], end].concat())).collect();
            }
            b'}' => break,
            b',' if depth > 0 => {
                *at += 1;
                done.append(&mut all);
                all = vec![Vec::new()];
            }
            _ => {
                let taken = unit(&text[*at..]);
                all.iter_mut().for_each(|one| one.extend_from_slice(&text[*at..*at + taken]));
                *at += taken;
            }
        }
        if all.len() + done.len() > ALTERNATIVES {
            return Err(format!("stands for more than {ALTERNATIVES} patterns"));
        }
    }
    done.append(&mut all);
    Ok(done)
}

/// Bytes that stand together: an escape, a set, or one byte.
fn unit(text: &[u8]) -> usize {
    match text {
        [b'\\', _, ..] => 2,
        [b'[', rest @ ..] => set_end(rest).map_or(1, |end| end + 2),
        _ => 1,
    }
}

/// Where the `]` is that closes a set; one that comes first is a member.
fn set_end(rest: &[u8]) -> Option<usize> {
    let mut at = usize::from(matches!(rest.first(), Some(b'!' | b'^')));
    let first = at;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b']' if at > first => return Some(at),
            b'/' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

fn parts(text: &[u8]) -> Result<Vec<Part>, String> {
    let whole = || format!("{:?}", String::from_utf8_lossy(text));
    if text.first() != Some(&b'/') && !text.starts_with(b"**/") {
        return Err(format!("{} begins with neither \"/\" nor \"**/\"", whole()));
    }
    let names = text.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let mut parts: Vec<Part> = names.map(part).collect::<Result<_, _>>()?;
    if text.ends_with(b"/") {
        parts.push(Part::Tree);
    }
    parts.dedup_by(|a, b| *a == Part::Tree && *b == Part::Tree);
    Ok(parts)
}

fn part(name: &[u8]) -> Result<Part, String> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    match name {
        b"**" => return Ok(Part::Tree),
        b"." | b".." => return Err(format!("has {:?}, which no canonical path has", shown())),
        _ => {}
    }
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < name.len() {
        let (token, taken) = token(&name[at..]).map_err(|what| format!("{what} in {:?}", shown()))?;
        if token == Token::Many && tokens.last() == Some(&Token::Many) {
            return Err(format!(
                "has \"**\" beside other characters in {:?}; across folders it stands alone: \"/**/\"",
                shown()
            ));
        }
        tokens.push(token);
        at += taken;
    }
    let literal: Option<Box<[u8]>> =
        tokens.iter().map(|token| if let Token::Byte(byte) = token { Some(*byte) } else { None }).collect();
    Ok(match literal {
        Some(literal) => Part::Literal(literal),
        None => Part::Like(tokens.into()),
    })
}

fn token(rest: &[u8]) -> Result<(Token, usize), &'static str> {
    Ok(match rest {
        [b'*', ..] => (Token::Many, 1),
        [b'?', ..] => (Token::One, 1),
        [b'[', after @ ..] => {
            let end = set_end(after).ok_or("has a [ without ]")?;
            (set(&after[..end])?, end + 2)
        }
        _ => {
            let (byte, taken) = byte(rest)?;
            (Token::Byte(byte), taken)
        }
    })
}

/// One byte, maybe escaped.
fn byte(rest: &[u8]) -> Result<(u8, usize), &'static str> {
    let hex = |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let (byte, taken) = match rest {
        [b'\\', b'x', high, low, ..] => (hex(&[*high, *low]).ok_or("has a \\x without two hexadecimal digits")?, 4),
        [b'\\', b'x', ..] => return Err("has a \\x without two hexadecimal digits"),
        [b'\\', escaped, ..] => (*escaped, 2),
        [b'\\'] | [] => return Err("has a \\ with nothing after it"),
        [byte, ..] => (*byte, 1),
    };
    if byte == 0 || byte == b'/' { Err("has an escaped byte that no name has") } else { Ok((byte, taken)) }
}

fn set(mut inside: &[u8]) -> Result<Token, &'static str> {
    let outside = matches!(inside.first(), Some(b'!' | b'^'));
    if outside {
        inside = &inside[1..];
    }
    let mut ranges = Vec::new();
    while !inside.is_empty() {
        let (from, taken) = byte(inside)?;
        inside = &inside[taken..];
        let mut to = from;
        if let [b'-', rest @ ..] = inside
            && !rest.is_empty()
        {
            let (end, taken) = byte(rest)?;
            to = end;
            inside = &rest[taken..];
        }
        if to < from {
            return Err("has a range that runs backwards");
        }
        ranges.push((from, to));
    }
    Ok(Token::Set(ranges.into(), outside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, path: &[u8]) -> bool {
        Pattern::read(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).iter().any(|one| one.fits(path))
    }

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for path in yes {
            assert!(is(pattern, path.as_bytes()), "{pattern} should be {path}");
        }
        for path in no {
            assert!(!is(pattern, path.as_bytes()), "{pattern} should not be {path}");
        }
    }

    #[test]
    fn f37_a_name_that_begins_alike_is_another() {
        check("/etc", &["/etc"], &["/etcfoo", "/etc/passwd", "/", "/x/etc"]);
        for tree in ["/etc/", "/etc/**"] {
            check(tree, &["/etc", "/etc/passwd", "/etc/a/b/c"], &["/etcfoo", "/etcfoo/x", "/", "/usr/etc"]);
        }
    }

    #[test]
    fn stars_stay_inside_of_a_component() {
        check("/etc/*.conf", &["/etc/a.conf", "/etc/.conf"], &["/etc/a/b.conf", "/etc/a.conf/b", "/etc/a.confx"]);
        check("/home/*/.ssh/authorized_keys", &["/home/a/.ssh/authorized_keys"], &["/home/a/b/.ssh/authorized_keys"]);
        check("/var/log/**/*.log", &["/var/log/a.log", "/var/log/x/y/a.log"], &["/var/log", "/var/log/a.log.1"]);
        check("/a/**/b/**/c", &["/a/b/c", "/a/x/b/y/z/c", "/a/b/b/c/c"], &["/a/c", "/a/b", "/a/x/c"]);
        check("**/*.bak", &["/a.bak", "/x/y/z.bak"], &["/x.bak/y"]);
        check("/a?c/[a-c][!x]", &["/abc/ay", "/a-c/c-"], &["/ac/ay", "/abc/ax", "/abc/dy", "/a/c/ay"]);
        check("/x/[]]/[^]a]/[a-]", &["/x/]/b/-", "/x/]/b/a"], &["/x/]/a/-"]);
        check("/", &["/", "/a", "/a/b"], &[]);
    }

    #[test]
    fn braces_are_alternatives() {
        check("/{bin,usr/{bin,sbin}}/", &["/bin", "/usr/bin/x", "/usr/sbin"], &["/usr", "/usr/lib"]);
        check("/x/a{,.bak}", &["/x/a", "/x/a.bak"], &["/x/b"]);
        check("/x/[{]{a,b}", &["/x/{a", "/x/{b"], &["/x/a"]);
        let many = format!("/{}", "{a,b}".repeat(12));
        assert!(Pattern::read(&many).unwrap_err().contains("1024"));
    }

    #[test]
    fn names_are_bytes() {
        assert!(is("/x/\\xff\\*\\{", b"/x/\xff*{"));
        assert!(is("/x/?", b"/x/\xff") && is("/x/*", b"/x/\n\x1b\xff"));
        assert!(!is("/x/\\*", b"/x/a"));
        assert!(is("/x/ä*", "/x/äb".as_bytes()));
    }

    #[test]
    fn recursion_bounds_every_tree() {
        let is = |pattern: &str, depth, path: &str| {
            let bounded = |one: Pattern| one.bounded(depth).unwrap();
            Pattern::read(pattern).unwrap().into_iter().flat_map(bounded).any(|one| one.fits(path.as_bytes()))
        };
        assert!(is("/etc/", 0, "/etc") && is("/etc/", 0, "/etc/a") && !is("/etc/", 0, "/etc/a/b"));
        assert!(is("/etc/", 1, "/etc/a/b") && !is("/etc/", 1, "/etc/a/b/c"));
        assert!(is("/etc/**/x", 1, "/etc/a/x") && !is("/etc/**/x", 1, "/etc/a/b/x"));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let wrong = |text: &str| Pattern::read(text).unwrap_err();
        for (text, why) in [
            ("etc", "neither"),
            ("", "neither"),
            ("*.bak", "neither"),
            ("/a/../b", "canonical"),
            ("/a**b", "stands alone"),
            ("/a/***", "stands alone"),
            ("/[a", "without ]"),
            ("/{a", "without }"),
            ("/a}", "without {"),
            ("/a\\", "nothing after"),
            ("/\\xg0", "hexadecimal"),
            ("/\\x2f", "no name has"),
            ("/[z-a]", "backwards"),
            ("/a\0b", "NUL"),
        ] {
            assert!(wrong(text).contains(why), "{text}: {}", wrong(text));
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = format!("/{}b", "*a".repeat(60));
        let name = format!("/{}", "a".repeat(250));
        assert!(!is(&pattern, name.as_bytes()));
        let pattern = format!("{}/b", "/**/a".repeat(60));
        assert!(!is(&pattern, "/a".repeat(2000).as_bytes()));
    }
}
