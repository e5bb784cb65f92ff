mod table;

use proptest::prelude::*;

use super::*;
use crate::Timestamp;
use crate::search::date_math::Zone;
use crate::search::{Bool, Bound, FieldRef, MAX_DEPTH, Operator, Options, Query, Range, Scalar, UnknownFields};

const NOW: i64 = 1_795_507_290_250; // 2026-11-24T08:01:30.250Z

fn page() -> Options<'static> {
    Options::page(Timestamp::from_millis(NOW))
}

fn read(text: &str) -> Query {
    parse(text, &page()).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).query
}

/// A query in few words: `(and x y)`, `(or x y)`, `(not x)`, field, test, value.
fn brief(query: &Query) -> String {
    let list = |name: &str, queries: &[Query]| {
        let inner: Vec<String> = queries.iter().map(brief).collect();
        format!("({name} {})", inner.join(" "))
    };
    let name = |field: &FieldRef| match field {
        FieldRef::Known(_) => field.name(),
        FieldRef::Keyed(field, key) => format!("{}[{key}]", field.name()),
        FieldRef::Other(name) => format!("?{name}"),
    };
    let ci = |case_insensitive: bool| if case_insensitive { "i" } else { "" };
    match query {
        Query::MatchAll => "all".to_owned(),
        Query::MatchNone => "none".to_owned(),
        Query::Term { field, value, case_insensitive } => {
            format!("{}={}{}", name(field), brief_scalar(value), ci(*case_insensitive))
        }
        Query::Terms { field, values } => {
            format!("{} in {}", name(field), values.iter().map(brief_scalar).collect::<Vec<_>>().join(","))
        }
        Query::Cidr { field, network, prefix } => format!("{} in {network}/{prefix}", name(field)),
        Query::Range(Range { field, lower, upper }) => {
            let lower = match lower {
                Bound::Open => String::new(),
                Bound::Included(value) => format!(">={}", brief_scalar(value)),
                Bound::Excluded(value) => format!(">{}", brief_scalar(value)),
            };
            let upper = match upper {
                Bound::Open => String::new(),
                Bound::Included(value) => format!("<={}", brief_scalar(value)),
                Bound::Excluded(value) => format!("<{}", brief_scalar(value)),
            };
            format!("{}{lower}{upper}", name(field))
        }
        Query::Prefix { field, value, case_insensitive } => {
            format!("{}^={value}{}", name(field), ci(*case_insensitive))
        }
        Query::Wildcard { field, pattern, case_insensitive } => {
            format!("{}*={pattern}{}", name(field), ci(*case_insensitive))
        }
        Query::Regexp { field, pattern, case_insensitive } => {
            format!("{}~/{pattern}/{}", name(field), ci(*case_insensitive))
        }
        Query::Fuzzy { field, value, edits } => format!("{}~{value}~{edits}", name(field)),
        Query::Exists { name } => format!("has:{name}"),
        Query::Ids(ids) => format!("ids:{}", ids.join(",")),
        Query::Phrase { field: None, text } => format!("'{text}'"),
        Query::Phrase { field: Some(field), text } => format!("{}:'{text}'", name(field)),
        Query::AnyWildcard { pattern } => format!("*'{pattern}'"),
        Query::Bool(joined) => match &**joined {
            Bool { must, should, must_not, minimum_should_match: None } if should.is_empty() && must_not.is_empty() => {
                list("and", must)
            }
            Bool { must, should, must_not, minimum_should_match: None } if must.is_empty() && should.is_empty() => {
                list("not", must_not)
            }
            Bool { must, should, must_not, minimum_should_match: Some(1) }
                if must.is_empty() && must_not.is_empty() =>
            {
                list("or", should)
            }
            Bool { must, should, must_not, minimum_should_match } => {
                let lists = [("must", must), ("may", should), ("not", must_not)];
                let lists: Vec<String> = lists
                    .iter()
                    .filter(|(_, queries)| !queries.is_empty())
                    .map(|(name, queries)| list(name, queries))
                    .collect();
                let minimum = minimum_should_match.map_or(String::new(), |n| format!(" {n}"));
                format!("(bool {}{minimum})", lists.join(" "))
            }
        },
    }
}

fn brief_scalar(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => format!("{text:?}"),
        Scalar::Date(time) => time.to_string(),
        Scalar::Ip(address) => address.to_string(),
        Scalar::Long(number) => number.to_string(),
        Scalar::Double(number) => format!("{number:?}"),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Null => "null".to_owned(),
    }
}

#[test]
fn queries_and_their_meaning() {
    assert!(table::AND.len() + table::OR.len() >= 250);
    let known = ["my.field".to_owned()];
    let and = Options { known: &known, ..page() };
    let or = Options { default_operator: Operator::Or, ..and.clone() };
    for (options, table) in [(&and, table::AND), (&or, table::OR)] {
        for (text, expect) in table {
            let parsed = parse(text, options).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
            assert_eq!(brief(&parsed.query), *expect, "{text}");
            let canonical = print(&parsed.query).unwrap();
            for options in [&and, &or] {
                assert_eq!(parse(&canonical, options).expect(&canonical).query, parsed.query, "{text} -> {canonical}");
            }
        }
    }
}

#[test]
fn the_canonical_text() {
    for (text, expect) in [
        ("", "*"),
        ("a b -c", "a AND b AND NOT c"),
        ("a OR b c", "a OR (b AND c)"),
        ("process.name:(a OR -b)", "process.name:a OR NOT process.name:b"),
        ("process.pid:>=22", "process.pid:>=22"),
        ("process.pid:{1 TO 5]", "process.pid:{1 TO 5]"),
        ("_exists_:user.name _exists_:process", "user.name:* AND _exists_:process"),
        ("@timestamp:<now", "@timestamp:<2026-11-24T08:01:30.250Z"),
        ("source.ip:::1", "source.ip:::1"),
        (r#"file.path:/tmp/a\ b*"#, r#"file.path:/tmp/a\ b*"#),
        (r#"file.path:\/etc/*/"#, r#"file.path:\/etc/*/"#),
        (r#""a \"b\" \\c""#, r#""a \"b\" \\c""#),
        ("process.name:crul~", "process.name:crul~1"),
        ("+a OR b OR -c", "+a OR b OR -c"),
    ] {
        assert_eq!(print(&read(text)).as_deref(), Some(expect), "{text}");
    }
}

#[test]
fn queries_from_elsewhere_have_a_text_that_means_the_same() {
    let field = |name: &str| FieldRef::resolve(name);
    let term = |value: &str| Query::Term {
        field: field("process.name"),
        value: Scalar::Text(value.to_owned()),
        case_insensitive: false,
    };
    let three = |minimum_should_match| {
        let should = vec![term("a"), term("b"), term("c")];
        Query::Bool(Box::new(Bool { should, minimum_should_match, ..Bool::default() }))
    };
    for (query, expect) in [
        (Query::MatchNone, Some("NOT *")),
        (Query::all(vec![Query::MatchNone, term("a")]), Some("(NOT *) AND process.name:a")),
        (
            Query::Terms { field: field("process.pid"), values: vec![Scalar::Long(-1), Scalar::Long(2)] },
            Some(r#"process.pid:("-1" OR "2")"#),
        ),
        (Query::Terms { field: field("process.pid"), values: vec![] }, Some("(NOT *)")),
        (
            Query::Term { field: field("process.name"), value: Scalar::Text("a.b".to_owned()), case_insensitive: true },
            Some(r"process.name:/(?i)a\.b/"),
        ),
        (
            Query::Prefix { field: field("file.path"), value: "/a b".to_owned(), case_insensitive: false },
            Some(r"file.path:/a\ b*"),
        ),
        (
            Query::Wildcard { field: field("file.path"), pattern: "/a*?".to_owned(), case_insensitive: true },
            Some("file.path:/(?i)/a.*./"),
        ),
        (
            Query::Regexp { field: field("file.path"), pattern: "etc".to_owned(), case_insensitive: false },
            Some("file.path:/(?:etc)/"),
        ),
        (Query::Ids(vec!["a".to_owned(), "b".to_owned()]), Some(r#"_id:("a" OR "b")"#)),
        (three(Some(2)), None),
        (three(Some(0)), Some("*")),
        (three(Some(3)), Some("process.name:a AND process.name:b AND process.name:c")),
        (three(Some(4)), Some("NOT *")),
        (three(None), Some("process.name:a OR process.name:b OR process.name:c")),
        (
            Query::Bool(Box::new(Bool {
                must: vec![term("a")],
                should: vec![term("b"), term("c")],
                must_not: vec![term("d")],
                minimum_should_match: Some(1),
            })),
            Some("process.name:a AND (process.name:b OR process.name:c) AND NOT process.name:d"),
        ),
    ] {
        assert_eq!(print(&query).as_deref(), expect, "{query:?}");
        if let Some(text) = expect {
            let again = print(&read(text)).unwrap();
            assert_eq!(print(&read(&again)).unwrap(), again, "{text}");
        }
    }
}

/// Start, end and a part of the message or advice for each problem.
fn check_problems(text: &str, expect: &[(usize, usize, &str)]) {
    let problems = parse(text, &page()).expect_err(text).0;
    let places: Vec<_> = problems.iter().map(|problem| (problem.start, problem.end)).collect();
    assert_eq!(places, expect.iter().map(|(start, end, _)| (*start, *end)).collect::<Vec<_>>(), "{text}: {problems:?}");
    for (problem, (_, _, part)) in problems.iter().zip(expect) {
        let whole =
            format!("{} / {:?} / {}", problem.message, problem.expected, problem.advice.as_deref().unwrap_or(""));
        assert!(whole.contains(part), "{text}: {whole}");
    }
}

#[test]
fn problems_and_their_places() {
    for (text, expect) in [
        (r#"process.name:"curl"#, &[(13, 18, "the quote is not closed")][..]),
        ("a AND", &[(5, 5, "a clause is missing here")]),
        ("a OR OR b", &[(5, 7, "a clause is missing before OR")]),
        ("AND a", &[(0, 3, "before AND")]),
        ("&& a", &[(0, 2, "before &&")]),
        ("NOT", &[(3, 3, "a clause is missing here")]),
        ("NOT AND", &[(4, 7, "before AND")]),
        (")", &[(0, 0, "missing"), (0, 1, "no open parenthesis")]),
        ("a)", &[(1, 2, "no open parenthesis")]),
        ("a) b) c", &[(1, 2, "no open parenthesis"), (4, 5, "no open parenthesis")]),
        ("(a", &[(0, 1, "not closed")]),
        ("(a OR (b", &[(0, 1, "not closed"), (6, 7, "not closed")]),
        ("()", &[(0, 2, "nothing between")]),
        ("process.name:", &[(0, 13, "process.name: has no value")]),
        ("process.name: AND b", &[(0, 14, "has no value")]),
        ("process.name:()", &[(13, 15, "nothing between")]),
        (":x", &[(0, 1, "before :")]),
        ("process.pid:[1 TO", &[(12, 17, "two bounds")]),
        ("process.pid:[1 TO 5", &[(12, 19, "not closed")]),
        ("process.pid:[1 5] a AND", &[(12, 17, "TO"), (23, 23, "missing")]),
        ("process.pid:[TO 5]", &[(13, 18, "a bound of the range is missing")]),
        ("process.pid:[1 TO ]", &[(18, 19, "a bound of the range is missing")]),
        ("process.pid:>", &[(12, 13, "nothing to compare")]),
        ("[1 TO 5]", &[(0, 8, "a range needs a field")]),
        (">5", &[(0, 2, "a range needs a field")]),
        ("/.*shadow.*/", &[(0, 12, "a regular expression needs a field")]),
        ("curl~", &[(0, 5, "a fuzzy word needs a field")]),
        ("/etc/*", &[(0, 6, "file.path:/etc/*")]),
        ("--", &[(2, 2, "missing")]),
        (r#""--""#, &[(0, 4, "a letter or digit")]),
        ("file.path:/etc/", &[(10, 15, r#"write "/etc/" for the directory or /etc.*/ for a regex"#)]),
        ("/etc/", &[(0, 5, r#"write "/etc/" for the directory"#)]),
        ("process.name:/a b/", &[(16, 18, r"write \s")]),
        ("process.name:/(/", &[(13, 16, "unclosed group")]),
        ("process.name:/a@b/", &[(13, 18, r"write \@")]),
        ("process.name:/a{1,1000}{1,1000}{1,1000}/", &[(13, 40, "too large")]),
        ("host.nmae:x", &[(0, 9, "did you mean host.name?")]),
        ("foo:bar", &[(0, 3, "there is no field foo")]),
        ("a foo:1 bar:2", &[(2, 5, "foo"), (8, 11, "bar")]),
        ("_exists_:host.nmae", &[(9, 18, "did you mean host.name?")]),
        ("_exists_:proc*", &[(9, 14, "a field name")]),
        ("nothing.like.*:x", &[(0, 14, "no field is named like")]),
        ("*.*:x", &[(0, 3, "at most 128")]),
        ("process.pid:abc", &[(12, 15, "a whole number")]),
        ("process.pid:22.5", &[(12, 16, "whole numbers")]),
        ("process.pid:1*", &[(12, 14, "wildcards do not apply")]),
        ("process.pid:1~", &[(12, 14, "fuzzy")]),
        ("process.pid:/1.*/", &[(12, 17, "regular expressions do not apply")]),
        ("process.pid:[a TO b]", &[(12, 20, "\"a\" is none")]),
        ("process.pid:(1 OR b)", &[(18, 19, "\"b\" is none")]),
        ("source.ip:10.0.0", &[(10, 16, "an address")]),
        ("source.ip:10.0.*", &[(10, 16, "10.0.0.0/8")]),
        ("source.ip:10.0.0.0/33", &[(10, 21, "not a network")]),
        ("auditng.audit.late:yes", &[(19, 22, "true or false")]),
        ("@timestamp:yesterday", &[(11, 20, "now-1h")]),
        ("@timestamp:[now-1x TO now]", &[(11, 26, "expected math")]),
        ("event.original:x", &[(15, 16, "kept and shown, not searched")]),
        ("message:[a TO b]", &[(8, 16, "no order")]),
        ("message:*foo-bar*", &[(8, 17, "single words")]),
        ("\"a b\"~2", &[(5, 7, "one by one")]),
        ("process.name:curl~3", &[(17, 19, "two edits")]),
        ("(a b)~1", &[(5, 7, "not to a group")]),
        ("\u{1f600}y \u{1f600}x host.nmae:x", &[(8, 17, "host.name")]),
    ] {
        check_problems(text, expect);
    }
}

#[test]
fn limits() {
    let too_deep = |text: &str| {
        let problems = parse(text, &page()).map_or_else(|problems| problems.0, |_| Vec::new());
        problems.iter().any(|problem| problem.message == "the query is nested too deeply")
    };
    // Each sign is a level of the query; parentheses alone are none.
    assert!(!too_deep(&format!("{}a", "-".repeat(MAX_DEPTH - 1))));
    assert!(too_deep(&format!("{}a", "-".repeat(MAX_DEPTH))));
    assert!(!too_deep(&format!("{}a{}", "(".repeat(2 * MAX_DEPTH), ")".repeat(2 * MAX_DEPTH))));
    assert!(too_deep(&"(".repeat(2 * MAX_DEPTH + 1)));
    let deepest = read(&format!("{}a{}", "b OR NOT (c AND ".repeat(9), ")".repeat(9)));
    assert_eq!(read(&print(&deepest).unwrap()), deepest);
    let many = vec!["a"; 1025].join(" ");
    check_problems(&many, &[(2048, 2049, "more than 1024 clauses")]);
    assert!(parse(&vec!["a"; 1024].join(" "), &page()).is_ok());
    assert_eq!(parse(&"a".repeat(MAX_QUERY_STRING + 1), &page()).unwrap_err().0.len(), 1);
    assert_eq!(parse(&"x:1 ".repeat(100), &page()).unwrap_err().0.len(), MAX_PROBLEMS);
}

#[test]
fn notes() {
    let notes = |text: &str, options: &Options<'_>| parse(text, options).unwrap().notes.join("; ");
    assert!(notes("a and b", &page()).contains("write AND"));
    assert_eq!(notes("and", &page()), "");
    assert!(notes("a^2 b^3", &page()).matches("boosts").count() == 1);
    assert!(notes("process.command_line:*curl*http*", &page()).contains("single words"));
    let lenient = Options { unknown_fields: UnknownFields::Note, ..page() };
    assert!(notes("foo:x OR _exists_:bar", &lenient).contains("foo"));
    assert_eq!(brief(&parse("foo:x", &lenient).unwrap().query), r#"?foo="x""#);
}

#[test]
fn the_zone_moves_days() {
    let options = Options { time_zone: Zone::named("Europe/Berlin").unwrap(), ..page() };
    let query = parse("@timestamp:2026-11-24", &options).unwrap().query;
    assert_eq!(brief(&query), "@timestamp>=2026-11-23T23:00:00.000Z<=2026-11-24T22:59:59.999Z");
}

/// Shapes that make careless parsers quadratic; each is as long as a query may be.
#[test]
fn long_nonsense_ends() {
    for piece in [
        "(", ")", "[", "\"", "/", "a:", "\\", "x:1 ", "a AND ", "NOT ", "-", "*", "/(", "a~", "[1 TO ", "host.*:",
        "a.", "(a ", "{", "&&", "&", "é",
    ] {
        let text = piece.repeat(MAX_QUERY_STRING / piece.len());
        match parse(&text, &page()) {
            Ok(parsed) => assert!(print(&parsed.query).is_some()),
            Err(problems) => assert!((1..=MAX_PROBLEMS).contains(&problems.0.len())),
        }
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9./_-]{1,8}",
        "[a-z*?/]{1,6}",
        r#""[a-zA-Z0-9 /*\-:.é😀()]{1,8}""#,
        r"/[a-z.*+()|\[\]/]{1,8}/",
        r"\[[0-9a-z*]{1,3} TO [0-9a-z*]{1,3}[\]}]",
        "(>|>=|<|<=)[0-9]{1,3}",
        "[a-z]{1,8}~[0-2]?",
        r#"[a-z\\*?:"~^/+!&| -]{1,8}"#,
    ]
}

fn query_text() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        "",
        "",
        "process.name:",
        "file.path:",
        "process.pid:",
        "message:",
        "source.ip:",
        "@timestamp:",
        "labels.team:",
        "_exists_:",
        "auditng.new:",
        "_id:",
        "process.*:",
    ]);
    let clause = (prop::sample::select(vec!["", "", "-", "+", "NOT ", "!"]), field, value())
        .prop_map(|(sign, field, value)| format!("{sign}{field}{value}"));
    clause.prop_recursive(4, 24, 4, |inner| {
        let joint = prop::sample::select(vec![" ", " AND ", " OR ", " || ", " -", " +"]);
        (prop::collection::vec((joint, inner), 1..4), any::<bool>()).prop_map(|(parts, group)| {
            let list: String = parts.iter().flat_map(|(joint, part)| [*joint, part.as_str()]).collect();
            let list = list.trim_start_matches([' ', 'A', 'N', 'D', 'O', 'R', '|']).to_owned();
            if group { format!("({list})") } else { list }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn printing_then_parsing_is_the_identity(text in query_text(), or: bool) {
        let operator = if or { Operator::Or } else { Operator::And };
        let options = Options { default_operator: operator, ..page() };
        if let Ok(parsed) = parse(&text, &options) {
            let canonical = print(&parsed.query).expect("every query of a query string has a text");
            for default_operator in [Operator::And, Operator::Or] {
                let again = parse(&canonical, &Options { default_operator, ..page() });
                prop_assert_eq!(again.map(|parsed| parsed.query), Ok(parsed.query.clone()), "{} -> {}", text, canonical);
            }
        }
    }

    #[test]
    fn any_text_gives_a_query_or_problems(text in ".{0,60}|[a-z():\"/*~^\\[\\]{}<>&|!+ -]{0,60}", or: bool) {
        let operator = if or { Operator::Or } else { Operator::And };
        match parse(&text, &Options { default_operator: operator, ..page() }) {
            Ok(parsed) => prop_assert!(print(&parsed.query).is_some()),
            Err(Problems(problems)) => {
                let length = text.encode_utf16().count();
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| problem.start <= problem.end && problem.end <= length));
            }
        }
    }
}
