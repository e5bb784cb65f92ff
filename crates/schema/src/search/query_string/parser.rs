//! The grammar: lists, groups and clauses. What a clause means is [`super::clause`].

use std::rc::Rc;

use super::Problem;
use super::clause::{Target, Value};
use super::scan::{self, Slash, Suffix, Until, Word};
use crate::field::Kind;
use crate::search::{Bool, FieldRef, MAX_CLAUSES, MAX_DEPTH, Operator, Options, Query, pattern};

const TOO_DEEP: &str = "the query is nested too deeply";
/// Deepest nesting of signs and parentheses: each level of a query needs at most one of both.
const MAX_NESTING: usize = 2 * MAX_DEPTH;

pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    clauses: usize,
    /// The last value began with `/` and was taken for a path.
    after_path: bool,
    /// Where words without a field are looked for.
    elsewhere: Rc<Target>,
    pub(super) options: &'a Options<'a>,
    /// Places in bytes.
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<String>,
}

/// A clause with its sign.
struct Operand {
    query: Query,
    sign: Sign,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Required,
    Negated,
}

/// What joins two operands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
    /// Nothing: they stand side by side.
    Beside,
}

impl Operand {
    fn plain(query: Query) -> Self {
        Self { query, sign: Sign::None }
    }

    fn into_query(self) -> Query {
        if self.sign == Sign::Negated { self.query.negate() } else { self.query }
    }
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, fields: &[FieldRef], options: &'a Options<'a>) -> Self {
        let (problems, notes) = (Vec::new(), Vec::new());
        let elsewhere = match fields {
            [] => Target::Anywhere,
            [field] => Target::Field(field.clone()),
            fields => Target::Fields(fields.to_vec()),
        };
        let elsewhere = Rc::new(elsewhere);
        Self { text, at: 0, depth: 0, clauses: 0, after_path: false, elsewhere, options, problems, notes }
    }

    /// The whole query string. After a problem what is returned means nothing.
    pub(super) fn query(&mut self) -> Query {
        self.skip_space();
        if self.rest().is_empty() {
            return Query::MatchAll;
        }
        let query = self.list(None);
        while !self.rest().is_empty() {
            // Only a closing parenthesis ends a list before the end of the text.
            let at = self.at;
            self.problem(at, at + 1, "there is no open parenthesis to close", &[], Some(r"write \) for the character"));
            self.at += 1;
            self.skip_space();
            if !self.rest().is_empty() && !self.rest().starts_with(')') {
                self.list(None);
            }
        }
        if depth(&query) > MAX_DEPTH {
            self.problem(0, self.text.len(), TOO_DEEP, &[], None);
        }
        query
    }

    /// Operands joined by OR, each of them operands joined by AND.
    fn list(&mut self, scope: Option<&Target>) -> Query {
        let mut alternatives = vec![self.operand(scope)];
        let mut marked = false;
        let mut group = Vec::new();
        while let Some(joint) = self.joint() {
            let joint = match (joint, self.options.default_operator) {
                (Joint::Beside, Operator::And) => Joint::And,
                (Joint::Beside, Operator::Or) => {
                    marked = true;
                    Joint::Or
                }
                (joint, _) => joint,
            };
            let next = self.operand(scope);
            if joint == Joint::And {
                group.extend(alternatives.pop());
                alternatives.push(next);
            } else {
                close_group(&mut group, &mut alternatives);
                alternatives.push(next);
            }
        }
        close_group(&mut group, &mut alternatives);
        join_alternatives(alternatives, marked)
    }

    /// What stands between this operand and the next; `None` at the end of the list.
    fn joint(&mut self) -> Option<Joint> {
        self.skip_space();
        let rest = self.rest();
        if rest.is_empty() || rest.starts_with(')') {
            return None;
        }
        for (word, joint) in [("AND", Joint::And), ("&&", Joint::And), ("OR", Joint::Or), ("||", Joint::Or)] {
            if let Some(after) = rest.strip_prefix(word) {
                let whole = word.starts_with(['&', '|']) || ends_keyword(after);
                if whole {
                    self.at += word.len();
                    return Some(joint);
                }
            }
        }
        Some(Joint::Beside)
    }

    fn operand(&mut self, scope: Option<&Target>) -> Operand {
        self.skip_space();
        let rest = self.rest();
        let sign = match rest.chars().next() {
            Some('-' | '!') => Some((1, Sign::Negated)),
            Some('+') => Some((1, Sign::Required)),
            _ => rest.strip_prefix("NOT").filter(|after| ends_keyword(after)).map(|_| (3, Sign::Negated)),
        };
        let Some((len, sign)) = sign else { return Operand::plain(self.clause(scope)) };
        self.at += len;
        let inner = self.deeper(|parser| parser.operand(scope));
        match (inner, sign) {
            (None, _) => Operand::plain(Query::MatchAll),
            // `+-x` is `-x`.
            (Some(inner), Sign::Required) if inner.sign == Sign::Negated => inner,
            (Some(inner), sign) => Operand { query: inner.into_query(), sign },
        }
    }

    /// Runs one level deeper; `None` and the end of the parse beyond the limit.
    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth == MAX_NESTING {
            self.problem(self.at, self.at, TOO_DEEP, &[], None);
            self.at = self.text.len();
            return None;
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        Some(result)
    }

    fn clause(&mut self, scope: Option<&Target>) -> Query {
        self.skip_space();
        let start = self.at;
        let after_path = std::mem::take(&mut self.after_path);
        let elsewhere = Rc::clone(&self.elsewhere);
        let target = scope.unwrap_or(&elsewhere);
        match self.rest().chars().next() {
            None | Some(')') => self.missing_clause(),
            Some('(') => self.group(scope),
            Some('"' | '/' | '[' | '{' | '>' | '<') => self.value(target, start),
            Some(_) => {
                let len = scan::word_len(self.rest(), Until::Colon);
                let word = Word::read(&self.rest()[..len]);
                if len > 0 && self.rest()[len..].starts_with(':') && self.is_field(&word, scope) {
                    return self.field(start, len, &word);
                }
                if word.is_keyword() || len == 0 {
                    return self.missing_clause();
                }
                if after_path && word.text.ends_with('/') {
                    let advice = r"white space ends an expression; write \s for it";
                    self.problem(start, start + len, "a word that ends with / follows a path", &[], Some(advice));
                }
                self.hint_keyword(&word, start, len);
                self.value(target, start)
            }
        }
    }

    /// Inside the group of a field only a known name is another field: addresses and times have colons too.
    fn is_field(&self, word: &Word, scope: Option<&Target>) -> bool {
        scope.is_none()
            || matches!(word.text.as_str(), "_exists_" | "_id")
            || self.options.knows(&FieldRef::resolve(&word.text))
    }

    fn field(&mut self, start: usize, len: usize, word: &Word) -> Query {
        let target = self.target(word, start, start + len);
        self.at = start + len + 1;
        self.skip_space();
        let missing = match self.rest().chars().next() {
            None | Some(')') => true,
            _ => self.rest().starts_with("&&") || self.rest().starts_with("||") || self.at_keyword(),
        };
        if missing {
            let name = &self.text[start..start + len];
            let (message, end) = (format!("{name}: has no value"), self.at);
            self.problem(start, end, &message, &["a value", "\"a phrase\"", "[from TO to]", ">=", "*"], None);
            return Query::MatchAll;
        }
        if self.rest().starts_with('(') { self.group(Some(&target)) } else { self.value(&target, self.at) }
    }

    fn group(&mut self, scope: Option<&Target>) -> Query {
        let open = self.at;
        self.at += 1;
        self.skip_space();
        if self.rest().starts_with(')') {
            self.problem(open, self.at + 1, "there is nothing between the parentheses", &["a clause"], None);
            self.at += 1;
            return Query::MatchAll;
        }
        let query = self.deeper(|parser| parser.list(scope)).unwrap_or(Query::MatchAll);
        if self.rest().starts_with(')') {
            self.at += 1;
        } else {
            self.problem(open, open + 1, "the parenthesis is not closed", &[")"], None);
        }
        self.group_suffix();
        query
    }

    fn group_suffix(&mut self) {
        match scan::suffix(self.rest()) {
            Some((Suffix::Boost, len)) => {
                self.at += len;
                self.note_boost();
            }
            Some((Suffix::Fuzzy(_), len)) => {
                self.problem(self.at, self.at + len, "~ applies to a word, not to a group", &[], None);
                self.at += len;
            }
            None => {}
        }
    }

    /// A value of a known target, `start` being where its clause begins.
    fn value(&mut self, target: &Target, start: usize) -> Query {
        let value = match self.rest().chars().next() {
            Some('"') => self.phrase().map(Value::Phrase),
            Some('/') => self.slash(),
            Some('[' | '{') => self.range(),
            Some('>' | '<') => self.compare(),
            _ => self.word(target),
        };
        let Some(value) = value else { return Query::MatchAll };
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            self.problem(start, self.at, &format!("more than {MAX_CLAUSES} clauses"), &[], None);
            self.at = self.text.len();
            return Query::MatchAll;
        }
        self.lower(target, &value, start)
    }

    /// A clause's query; problems of its value are reported at the clause.
    fn lower(&mut self, target: &Target, value: &Value, start: usize) -> Query {
        let before = self.notes.len();
        match target.query(value, self.options, &mut self.notes) {
            Ok((query, leaves)) => {
                self.clauses += leaves - 1;
                query
            }
            Err(bad) => {
                self.notes.truncate(before);
                self.problem(start, self.at, &bad.message, &bad.expected, bad.advice.as_deref());
                Query::MatchAll
            }
        }
    }

    fn word(&mut self, target: &Target) -> Option<Value> {
        let until = if target.kind() == Some(Kind::Date) { Until::DateEnd } else { Until::Space };
        let len = scan::word_len(self.rest(), until).max(self.rest().chars().next().map_or(0, char::len_utf8));
        let (raw, suffix) = scan::split_suffix(&self.rest()[..len]);
        let word = Word::read(raw);
        self.at += len;
        match suffix {
            Some(Suffix::Fuzzy(edits)) => match edits {
                "" => Some(Value::Fuzzy(word.text.clone(), auto_edits(&word.text))),
                "0" => Some(Value::Fuzzy(word.text, 0)),
                "1" => Some(Value::Fuzzy(word.text, 1)),
                "2" => Some(Value::Fuzzy(word.text, 2)),
                _ => {
                    let start = self.at - edits.len() - 1;
                    self.problem(start, self.at, "at most two edits are possible", &["~", "~1", "~2"], None);
                    None
                }
            },
            Some(Suffix::Boost) => {
                self.note_boost();
                Some(Value::Word(word))
            }
            None => Some(Value::Word(word)),
        }
    }

    fn phrase(&mut self) -> Option<String> {
        let start = self.at;
        let Some((phrase, len)) = scan::phrase(self.rest()) else {
            self.problem(
                start,
                self.text.len(),
                "the quote is not closed",
                &["\""],
                Some(r#"write \" for the character"#),
            );
            self.at = self.text.len();
            return None;
        };
        self.at += len;
        match scan::suffix(self.rest()) {
            Some((Suffix::Boost, len)) => {
                self.at += len;
                self.note_boost();
            }
            Some((Suffix::Fuzzy(_), len)) => {
                let advice = "search the words one by one: a AND b";
                self.problem(self.at, self.at + len, "a phrase with gaps is not supported", &[], Some(advice));
                self.at += len;
            }
            None => {}
        }
        Some(phrase)
    }

    /// A path or a regular expression.
    fn slash(&mut self) -> Option<Value> {
        let (start, len) = (self.at, scan::slash_len(self.rest()));
        let mut raw = &self.rest()[..len];
        self.at += len;
        if let (before, Some(Suffix::Boost)) = scan::split_suffix(raw)
            && before.ends_with('/')
            && before.len() > 1
        {
            raw = before;
            self.note_boost();
        }
        match scan::slash(raw) {
            Slash::Path => {
                self.after_path = true;
                Some(Value::Word(Word::read(raw)))
            }
            Slash::Regexp(inner) => Some(Value::Regexp(pattern::from_lucene(inner))),
            Slash::Ambiguous => {
                let advice = format!("write \"{raw}\" for the directory or {}.*/ for a regex", &raw[..raw.len() - 1]);
                let message = format!("{raw} can be a directory or a regular expression");
                self.problem(start, self.at, &message, &[], Some(&advice));
                None
            }
        }
    }

    fn range(&mut self) -> Option<Value> {
        let start = self.at;
        let lower_included = self.rest().starts_with('[');
        self.at += 1;
        let lower = self.bound()?;
        self.skip_space();
        if !self
            .rest()
            .strip_prefix("TO")
            .is_some_and(|after| after.starts_with(|c: char| c.is_whitespace() || c == '"'))
        {
            return self.broken_range(start, "a range has two bounds", &["TO"]);
        }
        self.at += 2;
        let upper = self.bound()?;
        self.skip_space();
        let upper_included = match self.rest().chars().next() {
            Some(']') => true,
            Some('}') => false,
            _ => return self.broken_range(start, "the range is not closed", &["]", "}"]),
        };
        self.at += 1;
        self.group_suffix();
        Some(Value::Range {
            lower: lower.map(|text| (text, lower_included)),
            upper: upper.map(|text| (text, upper_included)),
        })
    }

    /// Reports a range and goes on after its end, if it has one.
    fn broken_range(&mut self, start: usize, message: &str, expected: &[&'static str]) -> Option<Value> {
        let len = self.rest().find([']', '}']).map_or(self.rest().len(), |end| end + 1);
        self.at += len;
        self.problem(
            start,
            self.at,
            message,
            expected,
            Some("write [1 TO 5], {1 TO 5} without the bounds, or [1 TO *]"),
        );
        None
    }

    /// `Some(None)` is an open bound; `None` a problem.
    fn bound(&mut self) -> Option<Option<String>> {
        self.skip_space();
        if self.rest().starts_with('"') {
            return self.phrase().map(Some);
        }
        let (start, len) = (self.at, scan::word_len(self.rest(), Until::Bracket));
        let word = Word::read(&self.rest()[..len]);
        if len == 0 || word.text == "TO" {
            self.broken_range(start, "a bound of the range is missing", &["a value", "*"]);
            return None;
        }
        self.at += len;
        Some(if word.is_anything() { None } else { Some(word.text) })
    }

    fn compare(&mut self) -> Option<Value> {
        let start = self.at;
        let rest = self.rest();
        let (less, included) = (rest.starts_with('<'), rest[1..].starts_with('='));
        self.at += 1 + usize::from(included);
        self.skip_space();
        let text = if self.rest().starts_with('"') {
            self.phrase()?
        } else {
            let len = scan::word_len(self.rest(), Until::DateEnd);
            if len == 0 {
                self.problem(start, self.at, "there is nothing to compare with", &["a value"], None);
                return None;
            }
            let word = Word::read(&self.rest()[..len]);
            self.at += len;
            word.text
        };
        let bound = Some((text, included));
        Some(if less { Value::Range { lower: None, upper: bound } } else { Value::Range { lower: bound, upper: None } })
    }

    fn missing_clause(&mut self) -> Query {
        let start = self.at;
        let rest = self.rest();
        // A stray operator is passed over, so that what follows is looked at too.
        let len = match rest.chars().next() {
            None | Some(')') => 0,
            Some(':') => 1,
            Some(_) => {
                scan::word_len(rest, Until::Colon).max(rest.chars().take_while(|c| matches!(c, '&' | '|')).count())
            }
        };
        self.at += len;
        let message = if len == 0 {
            "a clause is missing here".to_owned()
        } else {
            format!("a clause is missing before {}", &rest[..len])
        };
        self.problem(start, start + len, &message, &["a word", "\"a phrase\"", "field:value", "("], None);
        Query::MatchAll
    }

    fn hint_keyword(&mut self, word: &Word, start: usize, len: usize) {
        let after = self.text[start + len..].trim_start();
        let between = start > 0 && !after.is_empty() && !after.starts_with(')');
        if between && matches!(word.text.as_str(), "and" | "or" | "not") {
            let capitals = word.text.to_uppercase();
            self.notes.push(format!("\"{}\" is searched as a word; write {capitals} to join clauses", word.text));
        }
    }

    fn note_boost(&mut self) {
        let note = "boosts (^) have no effect: there is no relevance";
        if !self.notes.iter().any(|other| other == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn at_keyword(&self) -> bool {
        let len = scan::word_len(self.rest(), Until::Colon);
        matches!(&self.rest()[..len], "AND" | "OR" | "NOT")
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Reports a problem between two places in bytes.
    pub(super) fn problem(
        &mut self,
        start: usize,
        end: usize,
        message: &str,
        expected: &[&'static str],
        advice: Option<&str>,
    ) {
        if self.problems.len() < super::MAX_PROBLEMS {
            let advice = advice.map(str::to_owned);
            self.problems.push(Problem {
                start,
                end,
                message: message.to_owned(),
                expected: expected.to_vec(),
                advice,
            });
        }
    }
}

/// Levels of a query, 1 for a leaf.
fn depth(query: &Query) -> usize {
    let Query::Bool(joined) = query else { return 1 };
    let inner = joined.must.iter().chain(&joined.should).chain(&joined.must_not);
    1 + inner.map(depth).max().unwrap_or(0)
}

/// Whether a keyword that stands before this ends here.
fn ends_keyword(after: &str) -> bool {
    after.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
}

/// As Elasticsearch's `AUTO`.
fn auto_edits(word: &str) -> u8 {
    match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// Makes one operand of those that AND has joined: `group`, and the last of `alternatives`.
fn close_group(group: &mut Vec<Operand>, alternatives: &mut Vec<Operand>) {
    if group.is_empty() {
        return;
    }
    group.extend(alternatives.pop());
    let mut joined = Bool::default();
    for operand in group.drain(..) {
        match operand.sign {
            Sign::Negated => joined.must_not.push(operand.query),
            Sign::None | Sign::Required => joined.must.push(operand.query),
        }
    }
    alternatives.push(Operand::plain(Query::Bool(Box::new(joined))));
}

fn join_alternatives(mut alternatives: Vec<Operand>, beside: bool) -> Query {
    if alternatives.len() == 1 {
        return alternatives.pop().map_or(Query::MatchAll, Operand::into_query);
    }
    let marked = beside || alternatives.iter().any(|operand| operand.sign == Sign::Required);
    if !marked {
        return Query::any(alternatives.into_iter().map(Operand::into_query).collect());
    }
    let mut joined = Bool::default();
    for Operand { query, sign } in alternatives {
        match sign {
            Sign::Required => joined.must.push(query),
            Sign::Negated => joined.must_not.push(query),
            Sign::None => joined.should.push(query),
        }
    }
    if joined.must.is_empty() && !joined.should.is_empty() {
        let any = Query::any(std::mem::take(&mut joined.should));
        if joined.must_not.is_empty() {
            return any;
        }
        joined.must.push(any);
    }
    Query::Bool(Box::new(joined))
}
