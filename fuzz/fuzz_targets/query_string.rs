//! Query strings: any text is a query, whose canonical text is the same query, or has problems with places inside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::Timestamp;
use schema::search::{Operator, Options, query_string};

fuzz_target!(|text: &str| {
    for default_operator in [Operator::And, Operator::Or] {
        let options = Options { default_operator, ..Options::page(Timestamp::from_millis(1_795_507_290_250)) };
        match query_string::parse(text, &options) {
            Ok(parsed) => {
                let canonical = query_string::print(&parsed.query).expect("every parsed query has a text");
                // It may be longer than a query string may be, since names with `*` are written out.
                if canonical.len() <= schema::search::MAX_QUERY_STRING {
                    let again = query_string::parse(&canonical, &options).map(|parsed| parsed.query);
                    assert_eq!(again, Ok(parsed.query), "{canonical}");
                }
            }
            Err(problems) => {
                let length = text.encode_utf16().count();
                assert!(!problems.0.is_empty());
                assert!(problems.0.iter().all(|problem| problem.start <= problem.end && problem.end <= length));
            }
        }
    }
});
