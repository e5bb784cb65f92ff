use crate::search::{Bool, Bound, Range, Scalar};
use crate::{Event, Timestamp};

use super::*;

fn field(name: &str) -> FieldRef {
    FieldRef::resolve(name)
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn term(name: &str, value: Scalar) -> Query {
    Query::Term { field: field(name), value, case_insensitive: false }
}

fn any_case(name: &str, value: &str) -> Query {
    Query::Term { field: field(name), value: text(value), case_insensitive: true }
}

fn wildcard(name: &str, pattern: &str, case_insensitive: bool) -> Query {
    Query::Wildcard { field: field(name), pattern: pattern.to_owned(), case_insensitive }
}

fn prefix(name: &str, value: &str, case_insensitive: bool) -> Query {
    Query::Prefix { field: field(name), value: value.to_owned(), case_insensitive }
}

fn regexp(name: &str, pattern: &str) -> Query {
    Query::Regexp { field: field(name), pattern: pattern.to_owned(), case_insensitive: false }
}

fn fuzzy(name: &str, value: &str, edits: u8) -> Query {
    Query::Fuzzy { field: field(name), value: value.to_owned(), edits }
}

fn range(name: &str, lower: Bound, upper: Bound) -> Query {
    Query::Range(Range { field: field(name), lower, upper })
}

fn phrase(name: Option<&str>, text: &str) -> Query {
    Query::Phrase { field: name.map(field), text: text.to_owned() }
}

fn exists(name: &str) -> Query {
    Query::Exists { name: name.to_owned() }
}

/// The query matches the first kind of document, not the second kind, nor one without any field.
fn check(query: &Query, matching: &[&str], others: &[&str]) {
    let matcher = Matcher::new(query).unwrap_or_else(|error| panic!("{query:?}: {error}"));
    let matches = |document: &str| matcher.matches(&Event::from_json(document).unwrap());
    for document in matching {
        assert!(matches(document), "{query:?} should match {document}");
    }
    for document in others.iter().chain(&["{}"]) {
        assert!(!matches(document), "{query:?} should not match {document}");
    }
    let negated = Matcher::new(&query.clone().negate()).unwrap();
    for document in matching.iter().chain(others).chain(&["{}"]) {
        assert_ne!(
            matches(document),
            negated.matches(&Event::from_json(document).unwrap()),
            "not {query:?} {document}"
        );
    }
}

#[test]
fn terms_by_kind() {
    check(
        &term("process.name", text("curl")),
        &[r#"{"process":{"name":"curl"}}"#, r#"{"process":{"name":["sh","curl"]}}"#],
        &[r#"{"process":{"name":"Curl"}}"#, r#"{"process":{"name":"curl "}}"#, r#"{"process":{"name":null}}"#],
    );
    check(&term("process.name", text("22")), &[r#"{"process":{"name":22}}"#], &[r#"{"process":{"name":22.5}}"#]);
    check(
        &term("process.pid", Scalar::Long(22)),
        &[r#"{"process":{"pid":22}}"#, r#"{"process":{"pid":22.0}}"#, r#"{"process":{"pid":[1,22]}}"#],
        &[r#"{"process":{"pid":23}}"#, r#"{"process":{"pid":"22"}}"#, r#"{"process":{"pid":22.5}}"#],
    );
    check(
        &term("auditng.audit.late", Scalar::Bool(true)),
        &[r#"{"auditng":{"audit":{"late":true}}}"#],
        &[r#"{"auditng":{"audit":{"late":false}}}"#],
    );
    check(
        &term("@timestamp", Scalar::Date(Timestamp::from_millis(1500))),
        &[r#"{"@timestamp":"1970-01-01T00:00:01.500Z"}"#, r#"{"@timestamp":"1970-01-01T01:00:01.5+01:00"}"#],
        &[r#"{"@timestamp":"1970-01-01T00:00:01.501Z"}"#],
    );
    check(
        &term("source.ip", Scalar::Ip("10.0.0.1".parse().unwrap())),
        &[r#"{"source":{"ip":"10.0.0.1"}}"#, r#"{"source":{"ip":"::ffff:10.0.0.1"}}"#],
        &[r#"{"source":{"ip":"10.0.0.2"}}"#, r#"{"source":{"ip":"10.0.0.1 "}}"#],
    );
    check(
        &Query::Terms { field: field("event.action"), values: vec![text("exec"), text("open")] },
        &[r#"{"event":{"action":["open"]}}"#, r#"{"event":{"action":["x","exec"]}}"#],
        &[r#"{"event":{"action":["opens"]}}"#],
    );
    check(
        &any_case("process.name", "ÄRGER"),
        &[r#"{"process":{"name":"ärger"}}"#],
        &[r#"{"process":{"name":"ärgern"}}"#],
    );
}

#[test]
fn values_without_a_kind() {
    check(
        &term("foo.bar", text("22")),
        &[r#"{"foo":{"bar":22}}"#, r#"{"foo":{"bar":"22"}}"#, r#"{"foo.bar":22.0}"#],
        &[r#"{"foo":{"bar":"22.0"}}"#, r#"{"foo":{"bar":23}}"#, r#"{"foo":22}"#],
    );
    check(&term("foo", text("true")), &[r#"{"foo":true}"#, r#"{"foo":"true"}"#], &[r#"{"foo":false}"#]);
    check(
        &range("foo", Bound::Included(text("9")), Bound::Open),
        &[r#"{"foo":10}"#, r#"{"foo":9.0}"#],
        &[r#"{"foo":8.9}"#, r#"{"foo":"abc"}"#, r#"{"foo":"10"}"#],
    );
    check(
        &range("foo", Bound::Included(text("a")), Bound::Open),
        &[r#"{"foo":"b"}"#],
        &[r#"{"foo":10}"#, r#"{"foo":"B"}"#],
    );
    check(&term("labels.team", text("red")), &[r#"{"labels":{"team":"red"}}"#], &[r#"{"labels":{"other":"red"}}"#]);
    check(&term("labels", text("red")), &[r#"{"labels":{"a":"x","b":"red"}}"#], &[r#"{"labels":{"red":"x"}}"#]);
}

#[test]
fn ranges_by_kind() {
    let pid = |lower, upper| range("process.pid", lower, upper);
    let long = Scalar::Long;
    check(
        &pid(Bound::Included(long(10)), Bound::Excluded(long(20))),
        &[r#"{"process":{"pid":10}}"#, r#"{"process":{"pid":[5,19]}}"#],
        &[r#"{"process":{"pid":20}}"#, r#"{"process":{"pid":[9,20]}}"#],
    );
    check(
        &pid(Bound::Excluded(long(10)), Bound::Included(Scalar::Double(11.5))),
        &[r#"{"process":{"pid":11}}"#],
        &[r#"{"process":{"pid":10}}"#, r#"{"process":{"pid":12}}"#],
    );
    check(
        &range("user.id", Bound::Included(text("1000")), Bound::Open),
        &[r#"{"user":{"id":"1000"}}"#, r#"{"user":{"id":"2"}}"#],
        &[r#"{"user":{"id":"0"}}"#],
    );
    let ip = |text: &str| Scalar::Ip(text.parse().unwrap());
    check(
        &range("source.ip", Bound::Included(ip("10.0.0.0")), Bound::Excluded(ip("fe80::"))),
        &[r#"{"source":{"ip":"200.0.0.1"}}"#, r#"{"source":{"ip":"2001:db8::1"}}"#],
        &[r#"{"source":{"ip":"::1"}}"#, r#"{"source":{"ip":"fe80::"}}"#],
    );
    let network = Query::Cidr { field: field("source.ip"), network: "10.0.0.0".parse().unwrap(), prefix: 8 };
    check(
        &network,
        &[r#"{"source":{"ip":"10.9.9.9"}}"#],
        &[r#"{"source":{"ip":"11.0.0.1"}}"#, r#"{"source":{"ip":"::1"}}"#],
    );
}

#[test]
fn patterns_on_whole_values() {
    check(
        &prefix("file.path", "/etc/", false),
        &[r#"{"file":{"path":"/etc/passwd"}}"#, r#"{"file":{"path":"/etc/"}}"#],
        &[r#"{"file":{"path":"/etc"}}"#, r#"{"file":{"path":"/ETC/x"}}"#],
    );
    check(&prefix("file.path", "/ETC", true), &[r#"{"file":{"path":"/etc/x"}}"#], &[r#"{"file":{"path":"x/etc"}}"#]);
    check(
        &wildcard("file.path", "/etc/*.conf", false),
        &[r#"{"file":{"path":"/etc/a/b.conf"}}"#],
        &[r#"{"file":{"path":"/etc/a.conf2"}}"#, r#"{"file":{"path":"/etc/aXconf"}}"#],
    );
    check(
        &wildcard("file.path", "*PASS?D", true),
        &[r#"{"file":{"path":"/etc/passwd"}}"#],
        &[r#"{"file":{"path":"passd"}}"#],
    );
    check(
        &regexp("process.name", "(curl|wget)[0-9]*"),
        &[r#"{"process":{"name":"wget2"}}"#],
        &[r#"{"process":{"name":"xwget"}}"#, r#"{"process":{"name":"wget2x"}}"#],
    );
    check(
        &fuzzy("process.name", "curl", 1),
        &[r#"{"process":{"name":"crul"}}"#],
        &[r#"{"process":{"name":"crrull"}}"#],
    );
}

#[test]
fn text_is_found_by_tokens() {
    let failed = r#"{"message":"Failed password for Root"}"#;
    check(&term("message", text("ROOT")), &[failed], &[r#"{"message":"roots"}"#]);
    check(&phrase(Some("message"), "failed PASSWORD"), &[failed], &[r#"{"message":"failed the password"}"#]);
    check(&prefix("message", "Pass", false), &[failed], &[r#"{"message":"bypass"}"#]);
    check(&wildcard("message", "pass*", false), &[failed], &[r#"{"message":"bypass word"}"#]);
    check(&regexp("message", "pass.*"), &[failed], &[r#"{"message":"bypass"}"#]);
    check(&fuzzy("message", "pasword", 1), &[failed], &[r#"{"message":"pass word"}"#]);
}

#[test]
fn words_anywhere() {
    check(
        &phrase(None, "10.0.0.1"),
        &[r#"{"message":"from 10.0.0.1 port"}"#, r#"{"process":{"args":["ping","10.0.0.1"]}}"#, r#"{"x":"10.0.0.1"}"#],
        &[
            r#"{"message":"from 110.0.0.1"}"#,
            r#"{"process":{"args":["10.0","0.1"]}}"#,
            // Not flagged.
            r#"{"event":{"kind":"10.0.0.1"}}"#,
        ],
    );
    check(&phrase(None, "/etc/Passwd"), &[r#"{"file":{"path":"/etc/passwd"}}"#], &[r#"{"message":"etc passwd"}"#]);
    check(
        &Query::AnyWildcard { pattern: "Shad?w*".to_owned() },
        &[r#"{"file":{"path":"/etc/shadow-"}}"#],
        &[r#"{"file":{"path":"/etc/overshadow"}}"#],
    );
}

#[test]
fn existence() {
    check(
        &exists("process.name"),
        &[r#"{"process":{"name":""}}"#],
        &[r#"{"process":{"name":null}}"#, r#"{"process":{"name":[]}}"#, r#"{"process":{"pid":1}}"#],
    );
    check(&exists("process"), &[r#"{"process":{"pid":1}}"#, r#"{"process":{"new":{"x":1}}}"#], &[r#"{"processes":1}"#]);
    check(&exists("process.pid"), &[r#"{"process":{"pid":1}}"#], &[r#"{"process":{"pid":"one"}}"#]);
    check(&exists("labels"), &[r#"{"labels":{"a":"x"}}"#], &[r#"{"labels":{}}"#]);
    check(&exists("labels.a"), &[r#"{"labels":{"a":"x"}}"#], &[r#"{"labels":{"ab":"x"}}"#]);
    check(&exists("auditd.paths"), &[r#"{"auditd":{"paths":[{"name":"x"}]}}"#], &[r#"{"auditd":{"paths":[]}}"#]);
    check(
        &Query::Ids(vec!["a".to_owned(), "b".to_owned()]),
        &[r#"{"event":{"id":"b"}}"#],
        &[r#"{"event":{"id":"c"}}"#],
    );
}

#[test]
fn clauses_joined() {
    let [a, b, c] = ["a", "b", "c"].map(|name| term("tags", text(name)));
    let tags = |tags: &str| {
        let list: Vec<String> = tags.chars().map(|c| format!("{:?}", c.to_string())).collect();
        format!(r#"{{"tags":[{}]}}"#, list.join(","))
    };
    let joined = |must: &[&Query], should: &[&Query], must_not: &[&Query], minimum_should_match| {
        let all = |queries: &[&Query]| queries.iter().copied().cloned().collect();
        Query::Bool(Box::new(Bool {
            must: all(must),
            should: all(should),
            must_not: all(must_not),
            minimum_should_match,
        }))
    };
    for (query, expect) in [
        (joined(&[], &[], &[], None), "- a b c ab ac bc abc"),
        (joined(&[&a], &[], &[], None), "a ab ac abc"),
        (joined(&[], &[&a, &b], &[], None), "a b ab ac bc abc"),
        (joined(&[], &[], &[&a], None), "- b c bc"),
        (joined(&[&a], &[&b], &[], None), "a ab ac abc"),
        (joined(&[&a], &[&b], &[], Some(1)), "ab abc"),
        (joined(&[], &[&a, &b, &c], &[], Some(2)), "ab ac bc abc"),
        (joined(&[], &[&a, &b], &[], Some(0)), "- a b c ab ac bc abc"),
        (joined(&[], &[&a], &[], Some(2)), ""),
        (joined(&[], &[], &[], Some(1)), ""),
        (joined(&[], &[&a], &[&b], None), "a ac"),
        (Query::MatchAll, "- a b c ab ac bc abc"),
        (Query::MatchNone, ""),
    ] {
        let matcher = Matcher::new(&query).unwrap();
        let found: Vec<&str> = ["-", "a", "b", "c", "ab", "ac", "bc", "abc"]
            .into_iter()
            .filter(|names| matcher.matches(&Event::from_json(&tags(names)).unwrap()))
            .collect();
        assert_eq!(found.join(" "), expect, "{query:?}");
    }
}

#[test]
fn what_no_engine_answers() {
    for query in [
        wildcard("process.pid", "1*", false),
        prefix("source.ip", "10.", false),
        term("event.original", text("x")),
        term("auditd.paths", text("x")),
        range("message", Bound::Included(text("a")), Bound::Open),
        phrase(Some("process.name"), "a b"),
        phrase(None, "--"),
        regexp("process.name", "("),
        Query::Cidr { field: field("process.name"), network: "10.0.0.0".parse().unwrap(), prefix: 8 },
    ] {
        assert!(Matcher::new(&query).is_err(), "{query:?}");
        assert!(Matcher::new(&query.clone().negate()).is_err(), "{query:?}");
    }
}
