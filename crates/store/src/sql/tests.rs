use std::time::{Duration, Instant};

use schema::{Event, IngestSeq, Timestamp, field};
use tempfile::TempDir;

use super::*;
use crate::Accepted;
use crate::embedded::{Engine, Options};

/// 2026-11-24T08:00:00Z
const NOW: i64 = 1_795_507_200_000;

fn filled() -> (TempDir, Arc<dyn Store>) {
    let folder = TempDir::new().unwrap();
    let engine = Engine::open(folder.path(), Options::default()).unwrap();
    let batch: Vec<Accepted> = (0..300_i64)
        .map(|n| {
            let mut event = Event::new(Timestamp::from_millis(NOW + n * 1000));
            event.push_str(field::EVENT_DATASET, if n % 3 == 0 { "auditng.fim" } else { "auditng.audit" });
            event.push_str(field::EVENT_ID, &format!("0000000000aa-00000001-{n:012x}"));
            event.push_str(field::EVENT_ACTION, "exec");
            event.push_str(field::PROCESS_NAME, ["curl", "Curl", "sh"][usize::try_from(n % 3).unwrap()]);
            event.push_long(field::PROCESS_PID, n);
            event.push_str(field::SOURCE_IP, &format!("10.0.0.{}", n % 5));
            event.push_keyed(field::OTHER, "my.own", schema::Value::Long(n));
            if n % 2 == 0 {
                event.push_str(field::PROCESS_ARGS, "a");
                event.push_str(field::PROCESS_ARGS, "b");
            }
            let received = Timestamp::from_millis(NOW + n * 1000);
            Accepted { seq: IngestSeq(u64::try_from(n).unwrap() + 1), received, event }
        })
        .collect();
    engine.append(&batch).unwrap();
    engine.commit().unwrap();
    (folder, Arc::new(engine))
}

fn context() -> Context {
    Context::until(Instant::now() + Duration::from_secs(60))
}

/// The rows as text, cells joined by `|`.
fn rows(store: &Arc<dyn Store>, statement: &str) -> Vec<String> {
    let table = run(store, statement, &context()).unwrap();
    let text = |cell: &Cell| match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
    };
    table.rows.iter().map(|row| row.iter().map(text).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn answers_are_those_of_sql() {
    let (_folder, store) = filled();
    for (statement, expect) in [
        ("SELECT count(*) FROM events", "300"),
        ("SELECT count(*) FROM audit", "200"),
        ("SELECT count(*) FROM fim WHERE \"process.name\" = 'curl'", "100"),
        ("SELECT count(*) FROM events WHERE \"process.name\" = 'CURL'", "0"),
        ("SELECT count(*) FROM events WHERE \"process.name\" LIKE 'CU%'", "200"),
        ("SELECT count(*) FROM events WHERE \"process.name\" GLOB 'C*l'", "100"),
        ("SELECT count(*) FROM events WHERE \"process.name\" IN ('curl', 'sh', 'x')", "200"),
        ("SELECT count(*) FROM events WHERE \"process.pid\" BETWEEN 10 AND 19 AND \"process.pid\" <> 15", "9"),
        ("SELECT count(*) FROM events WHERE \"process.pid\" < 10", "10"),
        ("SELECT count(*) FROM events WHERE \"@timestamp\" < '2026-11-24T08:01'", "60"),
        ("SELECT count(*) FROM events WHERE \"@timestamp\" >= '2026-11-24T08:04:00.000Z'", "60"),
        ("SELECT count(*) FROM events WHERE \"@timestamp\" > '2026-11-24'", "300"),
        ("SELECT count(*) FROM events WHERE \"source.ip\" = '10.0.0.3'", "60"),
        ("SELECT count(*) FROM events WHERE \"my.own\" = 7", "1"),
        ("SELECT count(*) FROM events WHERE \"process.args\" = '[\"a\",\"b\"]'", "150"),
        ("SELECT count(*) FROM events WHERE \"process.args\" IS NULL", "150"),
        ("SELECT count(*) FROM events WHERE \"process.name\" = NULL", "0"),
        ("SELECT count(*) FROM events WHERE \"event.action\" = 'exec'", "300"),
        ("SELECT \"process.pid\" FROM events ORDER BY \"@timestamp\" DESC LIMIT 1", "299"),
        ("SELECT \"process.pid\" FROM events ORDER BY \"@timestamp\" LIMIT 1 OFFSET 5", "5"),
        ("SELECT max(\"process.pid\"), min(\"@timestamp\") FROM audit", "299|2026-11-24T08:00:01.000Z"),
        ("SELECT json_extract(_source, '$.process.pid') FROM events WHERE \"process.pid\" = 4", "4"),
        ("SELECT count(*) FROM audit a JOIN fim b ON a.\"process.pid\" = b.\"process.pid\" + 1", "100"),
    ] {
        assert_eq!(rows(&store, statement), [expect], "{statement}");
    }
    let grouped = "SELECT \"process.name\", count(*) FROM events GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&store, grouped), ["Curl|100", "curl|100", "sh|100"]);
    assert_eq!(rows(&store, "SELECT \"process.pid\" FROM events ORDER BY 1").len(), 300);
}

#[test]
fn nothing_but_reading() {
    let (_folder, store) = filled();
    for statement in [
        "SELECT \"proces.name\" FROM events",
        "SELECT count(*) FROM events WHERE \"proces.name\" = 'x'",
        "SELECT * FROM sqlite_nothing",
        "INSERT INTO events VALUES (1)",
        "DELETE FROM events",
        "CREATE TABLE x(a)",
        "ATTACH '/tmp/x.db' AS x",
        "PRAGMA hard_heap_limit = 1",
        "VACUUM INTO '/tmp/x.db'",
        "SELECT load_extension('x')",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "nonsense",
        "",
    ] {
        let answer = run(&store, statement, &context());
        assert!(matches!(answer, Err(SqlError::Statement(_))), "{statement}: {answer:?}");
    }
}

#[test]
fn bombs_end_in_time_and_memory() {
    let (_folder, store) = filled();
    let forever = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let short = Context::until(Instant::now() + Duration::from_millis(200));
    let answer = run(&store, forever, &short);
    assert!(matches!(answer, Err(SqlError::Search(SearchError::Timeout))), "{answer:?}");
    assert!(matches!(run(&store, "SELECT zeroblob(1000000000)", &context()), Err(SqlError::TooLarge(_))));
    let small = Context { memory_bytes: 1000, ..context() };
    assert!(matches!(run(&store, "SELECT * FROM events", &small), Err(SqlError::TooLarge(_))));
    let cancelled = context();
    cancelled.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(run(&store, "SELECT * FROM events", &cancelled), Err(SqlError::Search(SearchError::Cancelled))));
}
