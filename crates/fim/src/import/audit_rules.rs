//! Watches of a rule file in auditctl's words: a complete configuration, in which the key is the policy's id.
//!
//! `-w PATH -p wa -k KEY`, and `-a always,exit` with `-F path=` or `-F dir=`. `w` is create, modify, delete and move, `a`
//! attrib, `r` access, `x` exec. The reader is one of its own for these two forms alone: whole rules with their fields, calls
//! and bytes are the kernel's business and another crate's, and that crate is no floor of this one. Rules about no file are
//! others' and not complained of.

use std::collections::BTreeMap;

use super::{Kind, Reading, escaped, id};
use crate::config::{Class, Policy};

pub(super) fn read(text: &str, out: &mut Reading<'_>) {
    // By key and letters, in the order of their first line.
    let mut groups: BTreeMap<(String, String), (usize, Policy)> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!("line {}", at + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let rule = match words(line).map_err(refused).and_then(|words| rule(&words)) {
            Ok(Some(rule)) => rule,
            Ok(None) => continue,
            Err((kind, what)) => {
                out.complain(place, kind, what);
                continue;
            }
        };
        for what in &rule.remarks {
            out.complain(place.clone(), Kind::Inert, what.clone());
        }
        let key = rule.keys.first().map_or("audit-rules", String::as_str);
        let letters: String = "rwxa".chars().filter(|letter| rule.letters.contains(*letter)).collect();
        let (_, policy) = groups.entry((key.to_owned(), letters)).or_insert_with(|| {
            let events = Some(Class::ALL.into_iter().filter(|class| rule.letters.contains(letter(*class))).collect());
            (at, Policy { id: id(key), events, ..Policy::default() })
        });
        if !policy.paths.contains(&rule.pattern) {
            policy.paths.push(rule.pattern);
        }
        policy.audit_keys.extend(rule.keys);
        policy.audit_keys.sort();
        policy.audit_keys.dedup();
    }
    let mut policies: Vec<_> = groups.into_iter().collect();
    policies.sort_by_key(|(_, (at, _))| *at);
    for ((_, letters), (_, mut policy)) in policies {
        // Further letters under the same key.
        if out.found.policies.iter().any(|one| one.id == policy.id) {
            policy.id = format!("{}-{letters}", super::cut(&policy.id, 59));
        }
        policy.audit_keys.retain(|key| *key != policy.id);
        out.take(policy);
    }
}

fn letter(class: Class) -> char {
    match class {
        Class::Access => 'r',
        Class::Create | Class::Modify | Class::Delete | Class::Move => 'w',
        Class::Attrib => 'a',
        Class::Exec => 'x',
    }
}

/// Why a rule is not taken: it has no meaning for the integrity of files, or is none.
type Wrong = (Kind, String);

fn refused(what: impl Into<String>) -> Wrong {
    (Kind::Refused, what.into())
}

/// A rule about a file or folder.
#[derive(Default)]
struct Rule {
    pattern: String,
    letters: String,
    keys: Vec<String>,
    /// Conditions that are not taken.
    remarks: Vec<String>,
}

/// One rule; `None`: it is about no file, or no rule at all.
fn rule(words: &[String]) -> Result<Option<Rule>, Wrong> {
    let mut rule = Rule::default();
    let (mut path, mut letters, mut calls, mut never) = (None, None, false, false);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-w" => path = Some((rest.next().cloned().ok_or_else(|| refused("-w without a path"))?, true)),
            "-W" | "-d" | "-D" => return Ok(None),
            "-p" => letters = rest.next().cloned(),
            "-k" => rule.keys.extend(rest.next().cloned()),
            "-a" | "-A" => never = rest.next().is_some_and(|action| action.split(',').any(|part| part == "never")),
            "-S" => {
                calls = true;
                rest.next();
            }
            "-F" => {
                field(rest.next().ok_or_else(|| refused("-F without a field"))?, &mut rule, &mut path, &mut letters)?
            }
            "-C" => rule.remarks.extend(rest.next().map(|what| condition(what))),
            _ => {}
        }
    }
    let Some((path, tree)) = path else { return Ok(None) };
    if never {
        let what = format!("never: kernel rules that leave {path:?} out are not taken; an exclude does that here");
        return Err((Kind::Inert, what));
    }
    rule.letters = match letters {
        Some(letters) if !letters.is_empty() && letters.chars().all(|letter| "rwxa".contains(letter)) => letters,
        Some(letters) => return Err(refused(format!("{letters:?} are no letters of r, w, x and a"))),
        // The kernel's own default of a watch.
        None if !calls => "rwxa".to_owned(),
        None => {
            let what = "no perm=: system calls alone do not say what is done to the file";
            return Err((Kind::Inert, what.to_owned()));
        }
    };
    rule.pattern = pattern(&path, tree).map_err(refused)?;
    if path.contains(['*', '?', '[']) {
        rule.remarks.push(format!("auditctl knows no wildcards: {path:?} stands for a file of exactly this name"));
    }
    Ok(Some(rule))
}

fn condition(what: &str) -> String {
    format!("{what}: the condition is not taken, everybody is watched")
}

fn field(
    text: &str,
    rule: &mut Rule,
    path: &mut Option<(String, bool)>,
    letters: &mut Option<String>,
) -> Result<(), Wrong> {
    let Some((name, value)) =
        text.split_once('=').filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    else {
        rule.remarks.push(condition(text));
        return Ok(());
    };
    match name {
        "path" => *path = Some((value.to_owned(), false)),
        "dir" => *path = Some((value.to_owned(), true)),
        "perm" => *letters = Some(value.to_owned()),
        "key" => rule.keys.push(value.to_owned()),
        "arch" => {}
        "success" if matches!(value, "0" | "no") => {
            return Err((Kind::Inert, format!("{text}: an open that failed is no change of a file")));
        }
        _ => rule.remarks.push(condition(text)),
    }
    Ok(())
}

/// A watch is about a file or a tree, whichever is there: as a tree it stands for both.
fn pattern(path: &str, tree: bool) -> Result<String, String> {
    let plain = path.trim_end_matches('/');
    if !path.starts_with('/') {
        return Err(format!("{path:?} is no absolute path"));
    }
    if plain.is_empty() {
        return Err("watches of / are prohibited (auditctl(8)); in a policy of our own that is \"/\"".to_owned());
    }
    let pattern = escaped(plain) + if tree { "/" } else { "" };
    crate::policy::check_path(&pattern).map(|()| pattern).map_err(|what| format!("{path:?} {what}"))
}

/// Words, with quotes where a word or a value begins.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut any) = (Vec::new(), String::new(), false);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        let starts = word.is_empty() || word.ends_with('=');
        match c {
            '"' | '\'' if starts => {
                any = true;
                loop {
                    match rest.next() {
                        Some(end) if end == c => break,
                        Some(inside) => word.push(inside),
                        None => return Err("a quote is not closed".to_owned()),
                    }
                }
            }
            c if c.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}
