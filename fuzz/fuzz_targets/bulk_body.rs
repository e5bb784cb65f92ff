//! Bulk bodies and answers: each item lies inside the body and in order; an answer that is read can be written and read again.
#![no_main]

use elastic::bulk::{Items, Response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let mut last = 0;
    for item in Items::new(body) {
        match item {
            Ok(item) => {
                assert!(item.at >= last && item.at < body.len());
                last = item.at;
            }
            Err(error) => assert!(error.at <= body.len() && error.line > 0),
        }
    }
    for sent in 0..3 {
        if let Ok(response) = Response::parse(body, sent) {
            let mut written = Vec::new();
            response.write(&mut written);
            assert!(Response::parse(&written, sent).is_ok());
        }
    }
});
