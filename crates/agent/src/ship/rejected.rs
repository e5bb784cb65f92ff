//! Events that no server takes, kept for a person: NDJSON with the status and the reason.
//!
//! Two files of at most 32 MiB; when the newer is full it becomes the older, and what was in that is gone. The loss event
//! that goes with each refused event stays in the stream.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use schema::Timestamp;
use schema::event::push_json_string;

use super::item::Refused;

const MOST: u64 = 32 << 20;
const NEWER: &str = "rejected.ndjson";
const OLDER: &str = "rejected.1.ndjson";

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Rejected {
    folder: PathBuf,
    most: u64,
}

impl Rejected {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), most: MOST }
    }

    /// Adds events.
    pub(super) fn keep(&self, refused: &[Refused], now: Timestamp) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let newer = self.folder.join(NEWER);
        if fs::metadata(&newer).is_ok_and(|about| about.len() >= self.most) {
            fs::rename(&newer, self.folder.join(OLDER))?;
        }
        let mut lines = String::new();
        for refused in refused {
            write(refused, now, &mut lines);
        }
        OpenOptions::new().append(true).create(true).open(&newer)?.write_all(lines.as_bytes())
    }
}

fn write(refused: &Refused, now: Timestamp, out: &mut String) {
    out.push_str(r#"{"@timestamp":""#);
    now.write_canonical(out);
    out.push_str(&format!(r#"","status":{},"reason":"#, refused.status));
    push_json_string(&refused.reason, out);
    out.push_str(r#","document":"#);
    if serde_json::from_str::<serde::de::IgnoredAny>(&refused.document).is_ok() {
        out.push_str(&refused.document);
    } else {
        push_json_string(&refused.document, out);
    }
    out.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Lane;

    fn refused(document: &str) -> Refused {
        let (lane, reason, document) = (Lane::Low, "a \"reason\"".to_owned(), document.to_owned());
        Refused { lane, counter: 1, status: 400, reason, document }
    }

    #[test]
    fn lines_are_json_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Rejected { folder: dir.path().join("rejected"), most: 200 };
        for number in 0..20 {
            kept.keep(&[refused(&format!("{{\"n\":{number}}}")), refused("not json")], Timestamp::default()).unwrap();
        }
        let read = |name| fs::read_to_string(kept.folder.join(name)).unwrap();
        assert!(read(NEWER).len() + read(OLDER).len() < 1_000);
        let last: serde_json::Value = serde_json::from_str(read(NEWER).lines().last().unwrap()).unwrap();
        assert_eq!((last["document"].as_str(), last["reason"].as_str()), (Some("not json"), Some("a \"reason\"")));
        assert!(read(NEWER).contains(r#""document":{"n":19}"#));
    }
}
