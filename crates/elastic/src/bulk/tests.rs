use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

fn read(body: &str) -> Result<Vec<Item<'_>>, BadBody> {
    Items::new(body.as_bytes()).collect()
}

fn reason(body: &str) -> (usize, String) {
    let error = read(body).expect_err(body);
    (error.line, error.reason)
}

#[test]
fn items_of_each_action() {
    let body = concat!(
        "{\"create\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"x\":1}\n",
        "\n",
        "{ \"index\" : {} }\r\n{\"y\":2}\r\n",
        "{\"delete\":{\"_id\":7}}\n",
        "{\"update\":{\"_id\":\"\\u00e9\",\"routing\":null}}\nnot json\n",
    );
    let items = read(body).unwrap();
    let seen: Vec<_> = items
        .iter()
        .map(|item| (item.action.name(), item.index.as_deref(), item.id.as_deref(), item.document, item.at))
        .collect();
    assert_eq!(
        seen,
        [
            ("create", Some("a"), Some("1"), Some(&b"{\"x\":1}"[..]), 0),
            ("index", None, None, Some(&b"{\"y\":2}"[..]), 45),
            ("delete", None, Some("7"), None, 72),
            ("update", None, Some("é"), Some(&b"not json"[..]), 93),
        ]
    );
    assert!(matches!(items[0].id, Some(Cow::Borrowed(_))));
}

#[test]
fn a_bad_action_line_refuses_the_body_and_says_where() {
    for (body, line, part) in [
        ("", 1, "terminated by a newline"),
        ("{\"create\":{}}\n{}", 2, "terminated by a newline"),
        ("{\"create\":{}}\n", 1, "document of [create] is missing"),
        ("{\"create\":{}}\n{}\nnope\n", 3, "malformed action line"),
        ("[]\n", 1, "an object with one action"),
        ("{}\n", 1, "empty object"),
        ("{\"insert\":{}}\n{}\n", 1, "found [insert]"),
        ("{\"create\":{},\"index\":{}}\n{}\n", 1, "found [index] as well"),
        ("{\"create\":{\"_indx\":\"a\"}}\n{}\n", 1, "unknown parameter [_indx]"),
        ("{\"create\":{\"_id\":[1]}}\n{}\n", 1, "a string"),
        ("{\"create\":{}}x\n{}\n", 1, "trailing characters"),
    ] {
        let (found, reason) = reason(body);
        assert_eq!(found, line, "{body:?}: {reason}");
        assert!(reason.contains(part), "{body:?}: {reason}");
    }
    let mut items = Items::new(b"nope\n{}\n");
    assert!(items.next().is_some_and(|item| item.is_err()));
    assert!(items.next().is_none(), "nothing after an error");
}

#[test]
fn a_document_never_spills_into_the_next_item() {
    let mut body = Vec::new();
    write_create(&mut body, "i", "1", b"{\"a\":\r\n1}");
    write_create(&mut body, "i", "quote\"", b"{}");
    let items: Vec<_> = Items::new(&body).collect::<Result<_, _>>().unwrap();
    assert_eq!(items[0].document, Some(&b"{\"a\":  1}"[..]));
    assert_eq!(items[1].id.as_deref(), Some("quote\""));
}

#[test]
fn the_answer_has_elasticsearchs_form() {
    let response = Response {
        took_ms: 3,
        items: vec![
            ItemResult::created(Action::Create, "i", "1", 9),
            ItemResult::duplicate(Action::Create, "i", "2"),
            ItemResult::refused(Action::Delete, "i", "3", 400, "illegal_argument_exception", "append-only"),
        ],
    };
    let mut out = Vec::new();
    response.write(&mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        concat!(
            r#"{"errors":true,"took":3,"items":["#,
            r#"{"create":{"_index":"i","_id":"1","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":9,"_primary_term":1,"status":201}},"#,
            r#"{"create":{"_index":"i","_id":"2","status":409,"error":{"type":"version_conflict_engine_exception","reason":"[2]: version conflict, document already exists (current version [1])"}}},"#,
            r#"{"delete":{"_index":"i","_id":"3","status":400,"error":{"type":"illegal_argument_exception","reason":"append-only"}}}"#,
            "]}"
        )
    );
}

#[test]
fn answers_of_other_servers_are_read() {
    // Elasticsearch 8: `ingest_took`, causes, shard numbers. OpenSearch 2: `took` first.
    let answer = br#"{"took":30,"ingest_took":7,"errors":true,"items":[
        {"create":{"_index":".ds-logs-a","_id":"x","_version":1,"result":"created","_shards":{"total":2,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},
        {"create":{"_index":".ds-logs-a","_id":"y","status":400,"error":{"type":"document_parsing_exception","reason":"[1:20] failed to parse","caused_by":{"type":"x","reason":"y"}}}},
        {"index":{"_index":"a","_id":null,"status":429,"error":{"type":"es_rejected_execution_exception","reason":null}}},
        {"create":{"status":503,"error":"unavailable"}}]}"#;
    let response = Response::parse(answer, 4).unwrap();
    let seen: Vec<_> = response.items.iter().map(|item| (item.status, item.verdict())).collect();
    assert_eq!(
        seen,
        [(201, Verdict::Delivered), (400, Verdict::Refused), (429, Verdict::Retry), (503, Verdict::Retry)]
    );
    assert_eq!(response.items[1].refusal.as_ref().unwrap().kind, "document_parsing_exception");
    assert_eq!(response.items[3].refusal.as_ref().unwrap().reason, "unavailable");
}

#[test]
fn an_answer_that_is_none_delivers_nothing() {
    let one = br#"{"took":1,"errors":false,"items":[{"create":{"status":201}}]}"#;
    assert!(Response::parse(one, 1).is_ok());
    assert!(matches!(Response::parse(one, 2), Err(BadResponse::Count { found: 1, sent: 2 })));
    for garbage in
        [&b""[..], b"<html>502 Bad Gateway</html>", b"{\"items\":[{\"create\":{\"status\":201}}", b"{}", b"\xff", b"[]"]
    {
        assert!(matches!(Response::parse(garbage, 1), Err(BadResponse::Garbage { .. })), "{garbage:?}");
    }
    assert!(matches!(Response::parse(br#"{"items":[{}]}"#, 1), Err(BadResponse::Item { at: 0 })));
}

fn item() -> impl Strategy<Value = ItemResult<'static>> {
    let action = prop::sample::select(Action::ALL.to_vec());
    (action, ".*", ".*", any::<u64>(), prop::option::of((100_u16..600, ".*"))).prop_map(
        |(action, index, id, seq, refusal)| match refusal {
            None => ItemResult::created(action, index, id, seq),
            Some((status, reason)) => ItemResult::refused(action, index, id, status, "some_exception", reason),
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(documents in prop::collection::vec(("[^\n\r]*", ".*", ".*"), 0..20)) {
        let mut body = Vec::new();
        for (document, index, id) in &documents {
            write_create(&mut body, index, id, document.as_bytes());
        }
        prop_assume!(!body.is_empty());
        let items: Vec<_> = Items::new(&body).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(items.len(), documents.len());
        for (item, (document, index, id)) in items.iter().zip(&documents) {
            prop_assert_eq!(item.document, Some(document.as_bytes()));
            prop_assert_eq!(item.index.as_deref(), Some(&**index));
            prop_assert_eq!(item.id.as_deref(), Some(&**id));
        }
    }

    #[test]
    fn answers_are_read_back(took_ms: u64, items in prop::collection::vec(item(), 0..10)) {
        let response = Response { took_ms, items };
        let mut out = Vec::new();
        response.write(&mut out);
        prop_assert_eq!(Response::parse(&out, response.items.len()).unwrap(), response);
    }

    #[test]
    fn foreign_bytes_never_panic(body: Vec<u8>, lines in "(\\{\"(create|index|delete)\":\\{.{0,20}\\}?\\}?\n.{0,20}\n?){0,5}") {
        prop_assert!(Items::new(&body).count() <= body.len() + 1);
        prop_assert!(Items::new(lines.as_bytes()).count() <= lines.len() + 1);
        prop_assert!(Response::parse(&body, usize::MAX).is_err());
    }
}
