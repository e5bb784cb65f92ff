//! Several rule files as one, as `augenrules` puts them together.
//!
//! Only names that end in `.rules` and do not start with a dot, in natural order (`9-` before `10-`). Comments and
//! blank lines go. Of each of `-D`, `-b`, `-f` and `-e` the last one stays; the first three stand before all rules,
//! `-e` behind them.

use core::cmp::Ordering;

/// The lines of several files in the order in which they take effect.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Merged<'a> {
    /// Each with where it came from.
    pub lines: Vec<MergedLine<'a>>,
}

/// A line and where it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MergedLine<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The line in it, from 1.
    pub number: usize,
    /// The line.
    pub text: &'a str,
}

/// Puts the files of a directory together, given by name and text in any order.
#[must_use]
pub fn merge<'a>(files: &[(&'a str, &'a str)]) -> Merged<'a> {
    let mut files: Vec<_> = files.iter().filter(|(name, _)| is_rule_file(name)).collect();
    files.sort_by(|(a, _), (b, _)| natural_order(a, b));
    merge_given(&files.into_iter().copied().collect::<Vec<_>>())
}

/// Puts files together in the order given, whatever their names.
#[must_use]
pub fn merge_given<'a>(files: &[(&'a str, &'a str)]) -> Merged<'a> {
    let (mut first, mut last, mut rest) = ([None; 3], None, Vec::new());
    for &(file, text) in files {
        let lines = text.lines().zip(1..).map(|(text, number)| MergedLine { file, number, text });
        for line in lines.filter(|line| says_something(line.text)) {
            match line.text.split_whitespace().next().and_then(|word| word.get(..2)) {
                Some("-D") => first[0] = Some(line),
                Some("-b") => first[1] = Some(line),
                Some("-f") => first[2] = Some(line),
                Some("-e") => last = Some(line),
                _ => rest.push(line),
            }
        }
    }
    let lines = first.into_iter().flatten().chain(rest).chain(last).collect();
    Merged { lines }
}

fn is_rule_file(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.ends_with(".rules") && !name.starts_with('.')
}

fn says_something(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// Runs of digits by their value, all else byte by byte: `9-a` before `10-a`, as `ls -v` sorts.
#[must_use]
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let ([x, ..], [y, ..]) = (left, right) {
        let (this, other);
        (this, left) = left.split_at(run(left));
        (other, right) = right.split_at(run(right));
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (this, other) = (without_zeros(this), without_zeros(other));
            this.len().cmp(&other.len()).then(this.cmp(other))
        } else {
            this.cmp(other)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Digits as far as they go, else one byte.
fn run(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count().max(1)
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order_of_names() {
        let mut names = ["99-z.rules", "10-b.rules", "9-a.rules", "10-a.rules", "a.rules", "010-a.rules"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["9-a.rules", "010-a.rules", "10-a.rules", "10-b.rules", "99-z.rules", "a.rules"]);
    }

    #[test]
    fn settings_move_and_rules_stay_in_order() {
        let files = [
            ("99-end.rules", "-e 2\n-w /c -p wa\n"),
            ("10-first.rules", "# a comment\n-D\n-b 100\n\n-w /b -p wa\n-e 1\n"),
            ("9-before.rules", "-w /a -p wa\n-f 1\n-b 200\n"),
            (".10-hidden.rules", "-w /hidden -p wa\n"),
            ("README", "-w /readme -p wa\n"),
        ];
        let merged = merge(&files);
        let text: Vec<_> = merged.lines.iter().map(|line| line.text).collect();
        assert_eq!(text, ["-D", "-b 100", "-f 1", "-w /a -p wa", "-w /b -p wa", "-w /c -p wa", "-e 2"]);
        assert_eq!((merged.lines[1].file, merged.lines[1].number), ("10-first.rules", 3));
    }
}
