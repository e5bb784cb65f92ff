use proptest::prelude::*;
use schema::Timestamp;
use schema::search::{Operator, Options, query_string};

use super::*;

const NOW: i64 = 1_795_507_290_250; // 2026-11-24T08:01:30.250Z

fn page() -> Options<'static> {
    Options::page(Timestamp::from_millis(NOW))
}

/// The canonical query string of a query.
fn meaning(json: &str) -> Result<String, String> {
    let parsed = query(json, &page()).map_err(|bad| format!("{}: {}", bad.path, bad.reason))?;
    query_string::print(&parsed.query).ok_or_else(|| "has no text".to_owned())
}

#[test]
fn clauses_and_their_meaning() {
    for (json, expect) in [
        (r#"{"match_all":{}}"#, "*"),
        (r#"{"match_none":{"boost":2}}"#, "NOT *"),
        (r#"{"term":{"process.name":"curl"}}"#, "process.name:curl"),
        (r#"{"term":{"process.name":{"value":"curl","boost":2,"_name":"x"}}}"#, "process.name:curl"),
        (r#"{"term":{"process.name":{"value":"curl","case_insensitive":true}}}"#, "process.name:/(?i)curl/"),
        (r#"{"term":{"process.name":22}}"#, "process.name:22"),
        (r#"{"term":{"process.pid":"22"}}"#, "process.pid:22"),
        (r#"{"term":{"process.pid":22.0}}"#, "process.pid:22"),
        (r#"{"term":{"source.ip":"10.0.0.0/8"}}"#, "source.ip:10.0.0.0/8"),
        (r#"{"term":{"@timestamp":1795507200000}}"#, "@timestamp:2026-11-24T08:00:00.000Z"),
        (r#"{"term":{"auditng.audit.late":true}}"#, "auditng.audit.late:true"),
        (r#"{"terms":{"process.name":["a","b"],"boost":1}}"#, r#"process.name:("a" OR "b")"#),
        (r#"{"terms":{"source.ip":["10.0.0.0/8","::1"]}}"#, "source.ip:10.0.0.0/8 OR source.ip:::1"),
        (r#"{"range":{"process.pid":{"gt":1,"lte":5}}}"#, "process.pid:{1 TO 5]"),
        (r#"{"range":{"process.pid":{"gte":null,"lt":"5"}}}"#, "process.pid:<5"),
        (r#"{"range":{"process.pid":{}}}"#, "process.pid:*"),
        (
            r#"{"range":{"@timestamp":{"gte":"now-1h/d","lt":"now/d"}}}"#,
            "@timestamp:[2026-11-24T00:00:00.000Z TO 2026-11-24T00:00:00.000Z}",
        ),
        (
            r#"{"range":{"@timestamp":{"gt":"2026-11-24","lte":"2026-11-24||+1M/d"}}}"#,
            "@timestamp:{2026-11-24T23:59:59.999Z TO 2026-12-24T23:59:59.999Z]",
        ),
        (
            r#"{"range":{"@timestamp":{"gte":5,"lte":"1500","format":"epoch_millis"}}}"#,
            "@timestamp:[1970-01-01T00:00:00.005Z TO 1970-01-01T00:00:01.500Z]",
        ),
        (r#"{"range":{"@timestamp":{"gte":60,"format":"epoch_second"}}}"#, "@timestamp:>=1970-01-01T00:01:00.000Z"),
        (
            r#"{"range":{"@timestamp":{"gte":"2026-11-24","time_zone":"+01:00"}}}"#,
            "@timestamp:>=2026-11-23T23:00:00.000Z",
        ),
        (r#"{"prefix":{"file.path":"/etc"}}"#, "file.path:/etc*"),
        (r#"{"prefix":{"file.path":{"value":"/etc","rewrite":"constant_score"}}}"#, "file.path:/etc*"),
        (r#"{"wildcard":{"file.path":{"wildcard":"/e*"}}}"#, "file.path:/e*"),
        (r#"{"regexp":{"process.name":{"value":"a.+","flags":"ALL"}}}"#, "process.name:/a.+/"),
        (
            r#"{"regexp":{"process.name":{"value":"a@.+","flags":"NONE","case_insensitive":true}}}"#,
            r"process.name:/(?i)a\@.+/",
        ),
        (r#"{"regexp":{"process.name":"a\\@.+"}}"#, r"process.name:/a\@.+/"),
        (r#"{"fuzzy":{"process.name":"curl"}}"#, "process.name:curl~1"),
        (r#"{"fuzzy":{"process.name":{"value":"curl","fuzziness":2,"prefix_length":0}}}"#, "process.name:curl~2"),
        (r#"{"exists":{"field":"process"}}"#, "_exists_:process"),
        (r#"{"ids":{"values":["a","b"]}}"#, r#"_id:("a" OR "b")"#),
        (r#"{"match":{"process.name":"curl"}}"#, "process.name:curl"),
        (r#"{"match":{"process.pid":"22"}}"#, "process.pid:22"),
        (r#"{"match":{"message":"Failed password"}}"#, "message:failed OR message:password"),
        (
            r#"{"match":{"message":{"query":"Failed password","operator":"AND"}}}"#,
            "message:failed AND message:password",
        ),
        (r#"{"match":{"message":{"query":"a b","minimum_should_match":2}}}"#, "message:a AND message:b"),
        (r#"{"match":{"message":"--"}}"#, "NOT *"),
        (r#"{"match_phrase":{"message":{"query":"Failed password","slop":0}}}"#, r#"message:"Failed password""#),
        (r#"{"match_phrase":{"process.name":"a b"}}"#, r#"process.name:"a b""#),
        (
            r#"{"multi_match":{"query":"x y","fields":["message","process.name^3"]}}"#,
            r#"(message:x OR message:y) OR process.name:"x y""#,
        ),
        (r#"{"multi_match":{"query":"x y","type":"phrase"}}"#, r#""x y""#),
        (r#"{"multi_match":{"query":"x y","fields":"*","operator":"and"}}"#, "x AND y"),
        (r#"{"multi_match":{"query":"x","fields":["process.pid","process.name"],"lenient":true}}"#, "process.name:x"),
        (
            r#"{"query_string":{"query":"process.name:curl wget","analyze_wildcard":true}}"#,
            "process.name:curl AND wget",
        ),
        (
            r#"{"query_string":{"query":"curl wget","default_field":"process.name","default_operator":"OR"}}"#,
            "process.name:curl OR process.name:wget",
        ),
        (
            r#"{"query_string":{"query":"curl","fields":["process.name","message"]}}"#,
            "process.name:curl OR message:curl",
        ),
        (
            r#"{"query_string":{"query":"@timestamp:2026-11-24","time_zone":"Europe/Berlin"}}"#,
            "@timestamp:[2026-11-23T23:00:00.000Z TO 2026-11-24T22:59:59.999Z]",
        ),
        (r#"{"bool":{}}"#, "*"),
        (
            r#"{"bool":{"must":{"term":{"user.name":"a"}},"filter":[{"term":{"user.name":"b"}}],"must_not":{"match_all":{}}}}"#,
            "user.name:a AND user.name:b AND NOT *",
        ),
        (
            r#"{"bool":{"should":[{"term":{"user.name":"a"}},{"term":{"user.name":"b"}}],"minimum_should_match":"100%"}}"#,
            "user.name:a AND user.name:b",
        ),
        (
            r#"{"bool":{"should":[{"term":{"user.name":"a"}},{"term":{"user.name":"b"}}],"minimum_should_match":-1}}"#,
            "user.name:a OR user.name:b",
        ),
        (r#"{"constant_score":{"filter":{"term":{"user.name":"a"}},"boost":1.2}}"#, "user.name:a"),
        (
            r#"{"dis_max":{"queries":[{"term":{"user.name":"a"}},{"match_all":{}}],"tie_breaker":0.7}}"#,
            "user.name:a OR *",
        ),
    ] {
        assert_eq!(meaning(json).as_deref(), Ok(expect), "{json}");
    }
}

#[test]
fn what_is_refused_names_clause_and_place() {
    for (json, expect) in [
        ("", "query: EOF while parsing"),
        ("[]", "query: expected an object, found a list"),
        ("{}", "query: [query] is empty"),
        (r#"{"match_all":{},"term":{}}"#, "query: [query] takes one name, found [term] as well"),
        (r#"{"match_all":{"x":1}}"#, "query.match_all: [match_all] unknown key [x]"),
        (r#"{"nested":{"path":"x"}}"#, "query.nested: unknown query [nested]"),
        (r#"{"script":{}}"#, "query.script: unknown query [script]"),
        (r#"{"term":{"process.name":{"value":"a","fuzz":1}}}"#, "query.term.process.name: [term] unknown key [fuzz]"),
        (r#"{"term":{"process.name":{}}}"#, "query.term.process.name: [term] requires [value]"),
        (
            r#"{"term":{"process.name":["a"]}}"#,
            "query.term.process.name: expected a string, number or boolean, found a list",
        ),
        (
            r#"{"term":{"process.name":null}}"#,
            "query.term.process.name: expected a string, number or boolean, found null",
        ),
        (
            r#"{"term":{"proces.name":"a"}}"#,
            "query.term.proces.name: there is no field [proces.name]; did you mean process.name?",
        ),
        (
            r#"{"term":{"process.pid":"x"}}"#,
            "query.term.process.pid: process.pid holds whole numbers, and \"x\" is none",
        ),
        (
            r#"{"term":{"process.pid":{"value":1,"case_insensitive":true}}}"#,
            "query.term.process.pid.value: [process.pid] holds no texts",
        ),
        (
            r#"{"term":{"event.original":"x"}}"#,
            "query.term.event.original: [event.original] is kept and shown, not searched",
        ),
        (r#"{"terms":{"process.name":["a"],"user.name":["b"]}}"#, "query.terms: [terms] requires one field"),
        (r#"{"terms":{"process.name":{"index":"x"}}}"#, "query.terms.process.name: expected a list, found an object"),
        (
            r#"{"bool":{"must":[{"match_all":{}},{"terms":{"process.name":["a"],"boost_mode":"x"}}]}}"#,
            "query.bool.must[1].terms: [terms] requires one field",
        ),
        (r#"{"bool":{"must":[],"mustnot":[]}}"#, "query.bool: [bool] unknown key [mustnot]"),
        (
            r#"{"bool":{"should":[],"minimum_should_match":"2<75%"}}"#,
            "query.bool.minimum_should_match: [minimum_should_match] takes",
        ),
        (r#"{"bool":{"must":[],"must":[]}}"#, "query: the name \"must\" comes twice"),
        (r#"{"range":{"process.pid":{"gt":1,"gte":2}}}"#, "query.range.process.pid.gt: [range] has both"),
        (r#"{"range":{"process.pid":{"from":1}}}"#, "query.range.process.pid: [range] unknown key [from]"),
        (r#"{"range":{"@timestamp":{"gt":"x"}}}"#, "query.range.@timestamp.gt: @timestamp holds times"),
        (
            r#"{"range":{"@timestamp":{"gt":1,"format":"dd/MM/yyyy"}}}"#,
            "query.range.@timestamp.format: the date format [dd/MM/yyyy] is not",
        ),
        (
            r#"{"range":{"@timestamp":{"gt":1,"time_zone":"Mars"}}}"#,
            "query.range.@timestamp.time_zone: \"Mars\" is not a time zone",
        ),
        (r#"{"range":{"message":{"gt":"a"}}}"#, "query.range.message: [message] is text"),
        (
            r#"{"wildcard":{"process.pid":"1*"}}"#,
            "query.wildcard.process.pid: [process.pid] holds no texts: [wildcard]",
        ),
        (r#"{"regexp":{"process.name":"a@b"}}"#, "query.regexp.process.name: [@] in an expression"),
        (r#"{"regexp":{"process.name":"("}}"#, "query.regexp.process.name: not a regular expression: unclosed group"),
        (
            r#"{"regexp":{"process.name":{"value":"a","flags":"INTERVAL"}}}"#,
            "query.regexp.process.name.value: [flags] is supported only",
        ),
        (
            r#"{"fuzzy":{"process.name":{"value":"a","fuzziness":3}}}"#,
            "query.fuzzy.process.name.fuzziness: 3 is not between 0 and 2",
        ),
        (
            r#"{"fuzzy":{"process.name":{"value":"a","prefix_length":1}}}"#,
            "query.fuzzy.process.name.prefix_length: [prefix_length] is supported only as 0",
        ),
        (
            r#"{"exists":{"field":"host.nmae"}}"#,
            "query.exists.field: there is no field [host.nmae]; did you mean host.name?",
        ),
        (r#"{"exists":{}}"#, "query.exists: [exists] requires [field]"),
        (
            r#"{"match_phrase":{"message":{"query":"a b","slop":2}}}"#,
            "query.match_phrase.message.slop: [slop] is supported only as 0",
        ),
        (
            r#"{"match":{"message":{"query":"a","analyzer":"x"}}}"#,
            "query.match.message: [match] unknown key [analyzer]",
        ),
        (
            r#"{"multi_match":{"query":"a","type":"cross_fields"}}"#,
            "query.multi_match: [type] is supported as best_fields or phrase",
        ),
        (
            r#"{"query_string":{"query":"a AND"}}"#,
            "query.query_string.query: Failed to parse query [a AND]: at 5: a clause is missing here",
        ),
        (
            r#"{"query_string":{"query":"a","phrase_slop":2}}"#,
            "query.query_string: [query_string] unknown key [phrase_slop]",
        ),
        (r#"{"constant_score":{"query":{}}}"#, "query.constant_score: [constant_score] requires [filter]"),
    ] {
        let refused = meaning(json).expect_err(json);
        assert!(refused.starts_with(expect), "{json}\n  {refused}\n  {expect}");
    }
}

#[test]
fn depth_and_number_of_clauses_are_bounded() {
    let nested =
        |depth: usize| format!("{}{{\"match_all\":{{}}}}{}", "{\"bool\":{\"must\":".repeat(depth), "}}".repeat(depth));
    assert!(query(&nested(29), &page()).is_ok());
    assert!(query(&nested(30), &page()).unwrap_err().reason.contains("nested deeper than 30"));
    let many = format!("{{\"bool\":{{\"should\":[{}]}}}}", vec!["{\"match_all\":{}}"; 1024].join(","));
    assert!(query(&many, &page()).unwrap_err().reason.contains("more than 1024 clauses"));
    assert!(query(&"[".repeat(100_000), &page()).is_err());
    assert!(query(&" ".repeat(1 << 21), &page()).unwrap_err().reason.contains("at most"));
}

#[test]
fn unknown_fields_are_noted_for_programs() {
    let parsed =
        query(r#"{"term":{"no.such":{"value":"x","boost":2}}}"#, &Options::api(Timestamp::from_millis(NOW))).unwrap();
    assert_eq!(query_string::print(&parsed.query).as_deref(), Some("no.such:x"));
    assert_eq!(parsed.notes.len(), 2, "{:?}", parsed.notes);
}

#[test]
fn the_simple_form_never_fails() {
    let options = Options { default_operator: Operator::Or, ..page() };
    for (text, expect, dropped) in [
        ("a b", "a OR b", ""),
        ("a + b | c", "(a AND b) OR c", ""),
        ("a +(b | c) -d", "(a AND (b OR c)) OR NOT d", ""),
        ("\"a b\" c*", "\"a b\" OR c*", ""),
        ("a ) b", "a OR b", ")"),
        ("(a b", "a OR b", ""),
        ("\"a b", "a OR b", "\""),
        ("-- -", "NOT *", ""),
        ("+ | +", "NOT *", ""),
        ("a -- b", "a OR b", ""),
        ("", "NOT *", ""),
        ("/etc/*", "NOT *", "/etc/*"),
        ("\"a b\"~2", "\"a b\"", "~ after"),
    ] {
        let json = serde_json::json!({"simple_query_string": {"query": text}}).to_string();
        let parsed = query(&json, &options).unwrap();
        assert_eq!(query_string::print(&parsed.query).as_deref(), Some(expect), "{text}");
        assert!(parsed.notes.join(";").contains(dropped), "{text}: {:?}", parsed.notes);
    }
    let on_fields =
        r#"{"simple_query_string":{"query":"Failed 22","fields":["message","process.pid"],"default_operator":"and"}}"#;
    assert_eq!(meaning(on_fields).as_deref(), Ok("message:failed AND (message:22 OR process.pid:22)"));
}

fn aggs(json: &str) -> Result<Vec<Named>, String> {
    aggregations(json, &page()).map(|(named, _)| named).map_err(|bad| format!("{}: {}", bad.path, bad.reason))
}

#[test]
fn aggregations_come_back_as_they_were() {
    for json in [
        r#"{"a":{"terms":{"field":"process.name"}}}"#,
        r#"{"a":{"terms":{"field":"process.name","size":5,"order":[{"m":"desc"},{"_key":"asc"}],"missing":"-","include":"a.*","exclude":["b","c|d"]},"aggregations":{"m":{"avg":{"field":"process.pid"}}}}}"#,
        r#"{"a":{"terms":{"field":"process.pid","order":{"p[99.0]":"asc"},"missing":0},"aggs":{"p":{"percentiles":{"field":"process.pid","percents":[50,99]}}}}}"#,
        r#"{"a":{"terms":{"field":"process.pid","order":{"s.max":"asc"}},"aggs":{"s":{"stats":{"field":"process.pid"}}}}}"#,
        r#"{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"30s","time_zone":"Europe/Berlin","offset":"+6h","min_doc_count":1,"extended_bounds":{"min":"now-1d","max":1795507290250}}}}"#,
        r#"{"a":{"date_histogram":{"field":"@timestamp","calendar_interval":"1M"}}}"#,
        r#"{"a":{"histogram":{"field":"process.pid","interval":10,"offset":2.5}}}"#,
        r#"{"a":{"range":{"field":"process.pid","ranges":[{"to":5},{"from":2.5,"to":9},{"key":"x","from":9}]}}}"#,
        r#"{"a":{"date_range":{"field":"@timestamp","ranges":[{"from":"now-1d"}]}}}"#,
        r#"{"a":{"ip_range":{"field":"source.ip","ranges":[{"from":"10.0.0.0","to":"10.0.1.0"}]}}}"#,
        r#"{"a":{"filter":{"term":{"user.name":"root"}},"aggs":{"b":{"value_count":{"field":"user.name"}}}}}"#,
        r#"{"a":{"filters":{"filters":{"x":{"match_all":{}},"y":{"match_none":{}}},"other_bucket":true}}}"#,
        r#"{"a":{"filters":{"filters":[{"match_all":{}}],"other_bucket_key":"rest"}}}"#,
        r#"{"a":{"missing":{"field":"user.name"}}}"#,
        r#"{"a":{"composite":{"sources":[{"t":{"date_histogram":{"field":"@timestamp","fixed_interval":"1h"}}},{"u":{"terms":{"field":"user.name","order":"desc"}}},{"h":{"histogram":{"field":"process.pid","interval":5}}}],"size":3,"after":{"t":1795507200000,"u":"root","h":5.0}}}}"#,
        r#"{"a":{"top_hits":{"size":2,"sort":[{"process.pid":"asc"}]}}}"#,
        r#"{"a":{"extended_stats":{"field":"@timestamp"}},"b":{"cardinality":{"field":"user.name","precision_threshold":100}},"c":{"percentiles":{"field":"process.pid"}},"d":{"min":{"field":"@timestamp"}}}"#,
    ] {
        let named = aggs(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        let printed = print_aggregations(&named).to_string();
        assert_eq!(aggs(&printed).as_ref(), Ok(&named), "{json} -> {printed}");
    }
}

#[test]
fn aggregations_that_are_refused() {
    for (json, expect) in [
        (r#"{"a":{}}"#, "aggs.a: aggregation [a] has no type"),
        (r#"{"a":{"terms":{"field":"user.name"},"avg":{}}}"#, "aggs.a.avg: aggregation [a] has a second type [avg]"),
        (r#"{"a[":{"terms":{"field":"user.name"}}}"#, "aggs.a[: [a[] is no name"),
        (r#"{"a":{"geo_distance":{}}}"#, "aggs.a.geo_distance: the aggregation [geo_distance] is not supported"),
        (r#"{"a":{"termz":{}}}"#, "aggs.a.termz: unknown aggregation [termz]"),
        (r#"{"a":{"terms":{}}}"#, "aggs.a.terms: [terms] requires [field]"),
        (r#"{"a":{"terms":{"field":"user.name","siz":1}}}"#, "aggs.a.terms: [terms] unknown key [siz]"),
        (r#"{"a":{"terms":{"field":"user.name","size":0}}}"#, "aggs.a.terms.size: 0 is not between 1 and 65535"),
        (r#"{"a":{"terms":{"field":"message"}}}"#, "aggs.a.terms.field: [message] is text"),
        (r#"{"a":{"terms":{"field":"labels"}}}"#, "aggs.a.terms.field: [labels] is an object"),
        (r#"{"a":{"terms":{"field":"auditd.paths"}}}"#, "aggs.a.terms.field: [auditd.paths] is kept"),
        (
            r#"{"a":{"terms":{"field":"user.nam"}}}"#,
            "aggs.a.terms.field: there is no field [user.nam]; did you mean user.name?",
        ),
        (r#"{"a":{"terms":{"field":"user.name","order":{"m":"asc"}}}}"#, "aggs.a.terms: [order] names [m]"),
        (
            r#"{"a":{"terms":{"field":"process.pid","order":{"s":"asc"}},"aggs":{"s":{"stats":{"field":"process.pid"}}}}}"#,
            "aggs.a.terms: [order] by [s] needs one of",
        ),
        (r#"{"a":{"terms":{"field":"process.pid","include":"1.*"}}}"#, "aggs.a.terms: [process.pid] holds no texts"),
        (r#"{"a":{"avg":{"field":"user.name"}}}"#, "aggs.a.avg.field: [user.name] holds no numbers"),
        (r#"{"a":{"avg":{"field":"process.pid","missing":1}}}"#, "aggs.a.avg: [avg] unknown key [missing]"),
        (
            r#"{"a":{"avg":{"field":"process.pid"},"aggs":{"b":{"missing":{"field":"user.name"}}}}}"#,
            "aggs.a: [avg] makes no buckets",
        ),
        (
            r#"{"a":{"date_histogram":{"field":"@timestamp","interval":"1d"}}}"#,
            "aggs.a.date_histogram: [date_histogram] requires [fixed_interval]",
        ),
        (
            r#"{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"1M"}}}"#,
            "aggs.a.date_histogram.fixed_interval",
        ),
        (
            r#"{"a":{"date_histogram":{"field":"process.pid","fixed_interval":"1d"}}}"#,
            "aggs.a.date_histogram: [process.pid] holds no times",
        ),
        (
            r#"{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"1d","format":"epoch_millis"}}}"#,
            "aggs.a.date_histogram.format",
        ),
        (
            r#"{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"1d","extended_bounds":{"min":5,"max":1}}}}"#,
            "aggs.a.date_histogram.extended_bounds: [extended_bounds] begin",
        ),
        (
            r#"{"a":{"histogram":{"field":"process.pid","interval":0}}}"#,
            "aggs.a.histogram.interval: [interval] must be",
        ),
        (
            r#"{"a":{"percentiles":{"field":"process.pid","percents":[101]}}}"#,
            "aggs.a.percentiles.percents[0]: a percent is",
        ),
        (
            r#"{"a":{"composite":{"sources":[{"x":{"filter":{}}}]}}}"#,
            "aggs.a.composite.sources[0].x.filter: [filter] cannot be a source",
        ),
        (
            r#"{"a":{"terms":{"field":"user.name"},"aggs":{},"aggregations":{}}}"#,
            "aggs.a.aggregations: [aggs] and [aggregations]",
        ),
    ] {
        let refused = aggs(json).expect_err(json);
        assert!(refused.starts_with(expect), "{json}\n  {refused}\n  {expect}");
    }
}

#[test]
fn whole_bodies() {
    let json = r#"{"query":{"term":{"user.name":"root"}},"size":3,"from":2,"sort":["host.name",{"@timestamp":"desc"},{"process.pid":{"order":"asc","missing":"_first"}}],
        "search_after":["web1",1795507200000,null,"id"],"track_total_hits":true,"aggregations":{"a":{"missing":{"field":"user.name"}}},"_source":["user.*"]}"#;
    let read = body(json, &page()).unwrap();
    assert_eq!(read.search.search_after.as_ref().unwrap()[1], Scalar::Date(Timestamp::from_millis(1_795_507_200_000)));
    assert_eq!(read.source, Source::Some { includes: vec!["user.*".to_owned()], excludes: Vec::new() });
    let printed = print_search(&read.search).to_string();
    assert_eq!(body(&printed, &page()).unwrap().search, read.search);
    assert_eq!(body("{}", &page()).unwrap().search.size, 10);
    for (json, expect) in [
        (r#"{"explain":true}"#, ": [search] unknown key [explain]"),
        (r#"{"size":10001}"#, "size: 10001 is not between"),
        (r#"{"from":9999,"size":2}"#, "from: [from] + [size] is more than 10000"),
        (r#"{"sort":["message"]}"#, "sort[0]: [message] is text"),
        (r#"{"sort":[{"user.name":{"mode":"avg"}}]}"#, "sort[0].user.name.mode: [mode] is supported only as min"),
        (r#"{"search_after":[1]}"#, "search_after: [search_after] takes the 2 sort values"),
        (r#"{"search_after":["x","id"]}"#, "search_after[0]: [x] is no value of [@timestamp]"),
    ] {
        let bad = body(json, &page()).expect_err(json);
        assert!(format!("{}: {}", bad.path, bad.reason).starts_with(expect), "{json}: {bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_search_comes_back_from_its_json(search in testkit::random::search()) {
        let known = ["my.own".to_owned(), "my.number".to_owned()];
        let options = Options { known: &known, ..page() };
        let printed = print_search(&search).to_string();
        let read = body(&printed, &options);
        prop_assert_eq!(read.map(|body| body.search), Ok(search), "{}", printed);
    }

    #[test]
    fn any_json_is_a_search_or_refused(
        clause in prop::sample::select(vec![
            "bool", "term", "terms", "range", "match", "multi_match", "query_string", "simple_query_string", "regexp", "fuzzy", "ids",
            "exists", "terms_set", "date_histogram", "composite", "filters", "percentiles", "top_hits",
        ]),
        body in json_value(),
    ) {
        let options = page();
        for json in [body.to_string(), serde_json::json!({clause: body}).to_string()] {
            for refused in [
                query(&json, &options).err(),
                aggregations(&json, &options).err(),
                aggregations(&format!("{{\"a\":{json}}}"), &options).err(),
                sort(&json, &options).err(),
                search_after(&json, &[]).err(),
                super::body(&json, &options).err(),
            ].into_iter().flatten() {
                prop_assert!(!refused.reason.is_empty());
            }
        }
    }

    #[test]
    fn any_text_is_a_simple_query(text in "[a-c \"|+()*~-]{0,30}|.{0,30}", and: bool) {
        let operator = if and { "and" } else { "or" };
        let json = serde_json::json!({"simple_query_string": {"query": text, "default_operator": operator}}).to_string();
        prop_assert!(query(&json, &page()).is_ok());
    }
}

/// JSON from the words that searches are made of.
fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let words = vec![
        "field",
        "value",
        "query",
        "process.name",
        "process.pid",
        "@timestamp",
        "message",
        "source.ip",
        "must",
        "should",
        "filter",
        "gt",
        "lte",
        "order",
        "size",
        "sources",
        "fields",
        "now-1d",
        "10.0.0.0/8",
        "a AND b",
        "_count",
        "desc",
        "interval",
    ];
    let word = prop::sample::select(words).prop_map(str::to_owned).boxed();
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((word.clone(), inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}
