//! What the judge is handed of this host: packages, who works for their managers, who rotates logs, containers.

use std::path::Path;
use std::sync::Arc;

use fim::Who;
use fim::content::Texts;
use fim::entry::Kind;
use fim::judge::Aids;
use fim::policy::{Containers, Gate};
use fim::provenance::{self, Dpkg, Managers, Packages, Rpm};
use fim::seen::Seen;
use schema::Timestamp;

use super::watch::Watch;
use crate::clock::Clock;
use crate::enrich::Context;

/// Who works for a package manager: itself, or below one in the process table.
struct Family {
    context: Context,
    clock: Clock,
}

impl Managers for Family {
    fn below(&self, who: &Who) -> Option<&'static str> {
        let own = who.exe.as_deref().and_then(provenance::manager);
        own.or_else(|| {
            let ancestors = if who.pid == 0 { Vec::new() } else { self.context.ancestors(who.pid, self.now()) };
            let executables = ancestors.iter().filter_map(|ancestor| ancestor.executable.as_ref());
            executables.filter_map(|exe| provenance::manager(exe.as_str().as_bytes())).next()
        })
    }
}

impl Family {
    fn now(&self) -> Timestamp {
        self.clock.wall()
    }
}

/// All of them.
pub(super) fn aids(
    context: &Context,
    clock: Clock,
    gate: &Arc<Gate>,
    boxes: Arc<dyn Containers>,
    texts: Option<Box<dyn Texts + Send>>,
) -> Aids {
    let dpkg = Dpkg::open(Path::new("/")).map(|dpkg| Box::new(dpkg) as Box<dyn Packages + Send>);
    let packages = dpkg.or_else(|| Rpm::open().map(|rpm| Box::new(rpm) as Box<dyn Packages + Send>));
    Aids {
        rotators: Box::new(Arc::clone(gate)),
        packages,
        managers: Box::new(Family { context: context.clone(), clock }),
        containers: boxes,
        texts,
        ..Aids::default()
    }
}

impl Watch {
    /// Files with several names, as they were last seen: what is written under a name outside of all roots is told under theirs.
    pub(super) fn link_known(&self) {
        for root in self.shared.policies().roots() {
            let mut several = Vec::new();
            self.memory.lock().below(&root.path, &mut |path, entry| {
                if entry.nlink > 1 && entry.kind == Kind::File {
                    several.push((entry.id, path.to_owned()));
                }
            });
            // Beyond the bound of links a scan finds what is written under other names.
            let kept = several.iter().take_while(|(id, path)| self.collectors.link(*id, path)).count();
            tracing::debug!(root = %root.path.display(), kept, of = several.len(), "files with several names");
        }
    }
}
