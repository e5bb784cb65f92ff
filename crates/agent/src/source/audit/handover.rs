//! What a source that ends for a successor leaves it besides its sockets: the records of events that are not whole yet, and
//! the newest serial, so that not even an event in the middle is cut and a serial that is missing is still noticed.
//!
//! A file beside `audit.state` in the form of a capture, read once and removed. Its first datagram is the end of an event
//! (EOE) with the newest serial; the records follow in their order. At most 16 MiB, the bound of open events.

use std::fs;
use std::path::{Path, PathBuf};

use audit::netlink::{self, Frame, HEADER_BYTES, capture};
use audit::pipeline::Pipeline;
use audit::record::{self, Stamp};
use audit::table::RecordType;
use schema::{Event, Timestamp};
use tracing::warn;

use crate::enrich::user::Users;

/// Open events are bounded by the same in memory.
const MOST_BYTES: usize = 32 << 20;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Handover {
    path: PathBuf,
}

impl Handover {
    /// The file that belongs to a state file.
    pub(super) fn at(state_path: &Path) -> Self {
        Self { path: state_path.with_extension("handover") }
    }

    /// Leaves what `pipeline` has not given out.
    pub(super) fn leave(&self, pipeline: &mut Pipeline) {
        let mut records = Vec::new();
        let newest = pipeline.hand_over(&mut |kind, text| add(&mut records, kind, text));
        let mut file = Vec::new();
        if let Some(stamp) = newest {
            add(&mut file, RecordType::EOE.0, written(stamp).as_bytes());
        }
        file.extend(records);
        if let Err(error) = fs::write(&self.path, file) {
            warn!(path = %self.path.display(), %error, "events that are not whole yet are cut by the restart");
        }
    }

    /// Takes it up; true: the predecessor left its newest serial.
    pub(super) fn take_up(
        &self,
        pipeline: &mut Pipeline,
        now: Timestamp,
        users: &Users,
        each: &mut dyn FnMut(&mut Event),
    ) -> bool {
        let Some(bytes) = crate::sys::proc::read(&self.path, MOST_BYTES) else { return false };
        self.forget();
        let mut resumed = false;
        for datagram in capture::Frames::new(&bytes).map_while(Result::ok) {
            let Ok(Frame::Record(kind, text)) = netlink::decode(datagram) else { continue };
            let Ok(record) = record::parse(kind, text) else { continue };
            if kind == RecordType::EOE {
                pipeline.resume(record.stamp);
                resumed = true;
            } else {
                pipeline.push(&record, now, users, each);
            }
        }
        resumed
    }

    /// What an older one may have left is of no use to a start from nothing.
    pub(super) fn forget(&self) {
        // Mostly there is none.
        fs::remove_file(&self.path).ok();
    }
}

fn written(stamp: Stamp) -> String {
    let ms = stamp.time.millis();
    format!("audit({}.{:03}:{}): ", ms.div_euclid(1000), ms.rem_euclid(1000), stamp.serial)
}

/// As the kernel sends it: its header is not counted in the length.
fn add(file: &mut Vec<u8>, kind: u16, text: &[u8]) {
    let mut datagram = vec![0; HEADER_BYTES];
    let length = u32::try_from(text.len()).unwrap_or(0);
    datagram[..4].copy_from_slice(&length.to_ne_bytes());
    datagram[4..6].copy_from_slice(&kind.to_ne_bytes());
    datagram.extend_from_slice(text);
    if !capture::append(file, &datagram) {
        warn!(kind, "a record is too large to be handed over");
    }
}

#[cfg(test)]
mod tests {
    use audit::pipeline::Options;
    use schema::field;

    use super::*;

    fn record(pipeline: &mut Pipeline, users: &Users, kind: u16, text: &str, out: &mut Vec<Event>) {
        let record = record::parse(RecordType(kind), text.as_bytes()).unwrap();
        let each = &mut |event: &mut Event| out.push(std::mem::take(event));
        pipeline.push(&record, Timestamp::from_millis(1000), users, each);
    }

    #[test]
    fn an_event_in_the_middle_and_the_newest_serial_go_over() {
        let folder = tempfile::tempdir().unwrap();
        let handover = Handover::at(&folder.path().join("audit.state"));
        let (users, mut out) = (Users::of_host(), Vec::new());
        let mut old = Pipeline::new(&Options::default());
        let call = "arch=c000003e syscall=59 success=yes exit=0 pid=7 comm=\"x\" exe=\"/x\"";
        record(&mut old, &users, 1300, &format!("audit(1.000:7): {call}"), &mut out);
        record(&mut old, &users, 1300, &format!("audit(1.000:8): {call}"), &mut out);
        record(&mut old, &users, 1320, "audit(1.000:8): ", &mut out);
        handover.leave(&mut old);
        assert_eq!(out.len(), 1);

        let mut new = Pipeline::new(&Options::default());
        let each = &mut |event: &mut Event| out.push(std::mem::take(event));
        assert!(handover.take_up(&mut new, Timestamp::from_millis(1000), &users, each));
        assert!(!handover.path.exists());
        record(&mut new, &users, 1309, "audit(1.000:7): argc=1 a0=\"x\"", &mut out);
        record(&mut new, &users, 1320, "audit(1.000:7): ", &mut out);
        record(&mut new, &users, 1300, &format!("audit(1.000:11): {call}"), &mut out);
        new.finish(&users, &mut |event| out.push(std::mem::take(event)));
        assert_eq!(out[1].long(field::EVENT_SEQUENCE), Some(7));
        assert_eq!(
            (out[1].get(field::AUDITNG_AUDIT_INCOMPLETE), out[1].long(field::PROCESS_ARGS_COUNT)),
            (None, Some(1))
        );
        let lost: Vec<_> = new.losses().map(|loss| loss.count).collect();
        assert_eq!(lost, [Some(2)], "9 and 10 never came");
    }
}
