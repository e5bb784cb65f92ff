//! Who had a pid: the process table's answer to collectors.

use fim::Who;
use fim::collect::Identity;
use schema::Timestamp;

use super::out::LATE_MS;
use crate::enrich::Context;

/// See the module.
pub(super) struct Table(pub(super) Context);

impl Identity for Table {
    fn of(&self, pid: u32, at: Timestamp) -> Option<Who> {
        Some(self.0.identify(pid, at, LATE_MS))
    }
}
