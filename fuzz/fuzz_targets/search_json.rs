//! Search bodies: any JSON is a search, which comes back from its own JSON, or is refused with a reason.
#![no_main]

use elastic::search;
use libfuzzer_sys::fuzz_target;
use schema::Timestamp;
use schema::search::Options;

fuzz_target!(|json: &str| {
    let options = Options::api(Timestamp::from_millis(1_795_507_290_250));
    match search::body(json, &options) {
        Ok(body) => {
            let printed = search::print_search(&body.search).to_string();
            let again = search::body(&printed, &options);
            assert!(again.is_ok(), "{printed}: {again:?}");
        }
        Err(refused) => assert!(!refused.reason.is_empty()),
    }
});
