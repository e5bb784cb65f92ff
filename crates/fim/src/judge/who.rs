//! Who did it, out of several who were there.

use super::pending::Part;
use crate::change::Action;
use crate::evidence::{Collector, Mask};
use crate::who::{Confidence, Reason, Source, Who};

/// Others named beside the one.
const CANDIDATES: usize = 4;

/// The happenings that can be the cause of such a change.
fn causes(action: Action) -> Mask {
    match action {
        Action::Created => Mask::CREATE.with(Mask::RENAME),
        Action::Updated | Action::Truncated | Action::Rewritten => {
            Mask::MODIFY.with(Mask::CLOSE_WRITE).with(Mask::RENAME)
        }
        Action::Replaced => Mask::RENAME.with(Mask::CREATE).with(Mask::DELETE),
        Action::Deleted => Mask::DELETE.with(Mask::RENAME),
        Action::Moved => Mask::RENAME,
        Action::AttributesModified => Mask::ATTRIB,
        Action::Opened => Mask::OPEN.with(Mask::ACCESS).with(Mask::OPEN_PERM),
        Action::Executed => Mask::OPEN_EXEC.with(Mask::OPEN_EXEC_PERM),
        Action::MountedOver | Action::Unmounted | Action::InitialScan => Mask::default(),
    }
}

/// One answer out of all parts. Parts that only an audit record tells of are joined to what a collector told of the same process;
/// the surest of those whose happenings can be the cause is named. If more than one of them can be, it is `ambiguous`; whoever else
/// was there is listed.
pub(super) fn settle(parts: &[&Part], action: Action) -> Who {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts.iter().filter(|part| part.collector != Collector::Audit) {
        match joined.iter_mut().find(|known| same(&known.who, &part.who)) {
            Some(known) => {
                known.mask = known.mask.with(part.mask);
                if part.who.confidence > known.who.confidence {
                    known.who = part.who.clone();
                }
            }
            None => joined.push((*part).clone()),
        }
    }
    let nameless = joined.iter().all(|part| part.who.pid == 0);
    for part in parts.iter().filter(|part| part.collector == Collector::Audit) {
        match joined.iter_mut().find(|known| known.who.pid == part.who.pid) {
            Some(known) => {
                merge(&mut known.who, &part.who);
                known.mask = known.mask.with(part.mask);
            }
            // Nobody else names anybody (inotify): the record is all there is.
            None if nameless => joined.push(Part { who: recorded(&part.who), ..(*part).clone() }),
            None => joined.push((*part).clone()),
        }
    }
    joined.retain(|part| part.who.pid != 0 || nameless);
    choose(joined, action)
}

fn choose(joined: Vec<Part>, action: Action) -> Who {
    let named: Vec<&Part> = joined.iter().filter(|part| part.who.pid != 0).collect();
    let able: Vec<&&Part> = named.iter().filter(|part| part.mask.has(causes(action))).collect();
    // Which of several comes first: the surest, of those the latest.
    let best =
        |parts: &mut dyn Iterator<Item = &Part>| parts.max_by_key(|part| (part.who.confidence, part.at)).cloned();
    let chosen =
        if able.is_empty() { best(&mut named.iter().copied()) } else { best(&mut able.iter().map(|part| **part)) };
    let Some(chosen) = chosen else {
        return joined.first().map_or_else(|| Who::unknown(Reason::NotTold), |part| part.who.clone());
    };
    let mut who = chosen.who;
    let others = named.iter().map(|part| part.who.pid).filter(|pid| *pid != who.pid);
    who.candidates = others.take(CANDIDATES).collect();
    who.candidates.dedup();
    if able.len() > 1 || able.is_empty() && named.len() > 1 {
        who.confidence = who.confidence.min(Confidence::Ambiguous);
    }
    who
}

fn same(one: &Who, other: &Who) -> bool {
    one.pid == other.pid && (one.start_ns == other.start_ns || one.start_ns.is_none() || other.start_ns.is_none())
}

/// Adds what an audit record of the same file, class and process tells: login user and session always, the rest where it is
/// missing. Whoever was not known is known now, as `merged`.
pub fn merge(known: &mut Who, record: &Who) {
    if record.pid == 0 || known.pid != 0 && known.pid != record.pid {
        return;
    }
    let missing = known.exe.is_none() && known.uid.is_none();
    known.pid = record.pid;
    known.auid = record.auid.or(known.auid);
    known.session = record.session.or(known.session);
    known.ppid = known.ppid.or(record.ppid);
    known.uid = known.uid.or(record.uid);
    known.euid = known.euid.or(record.euid);
    if known.exe.is_none() {
        known.exe.clone_from(&record.exe);
        known.exe_id = known.exe_id.or(record.exe_id);
    }
    if missing || known.confidence == Confidence::Unknown {
        known.source = if record.source == Source::None { Source::Audit } else { record.source };
        known.confidence = Confidence::Merged;
        known.reason = None;
    }
}

fn recorded(record: &Who) -> Who {
    let mut who = Who::default();
    merge(&mut who, record);
    who.start_ns = record.start_ns;
    who
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Timestamp;

    fn part(pid: u32, mask: Mask, collector: Collector, confidence: Confidence) -> Part {
        let exe = (confidence > Confidence::Unknown).then(|| (*b"/bin/x").into());
        let who = Who { pid, exe, uid: Some(0), confidence, ..Who::default() };
        Part { at: Timestamp::from_millis(i64::from(pid)), who, mask, collector }
    }

    fn settled(parts: &[Part], action: Action) -> Who {
        settle(&parts.iter().collect::<Vec<_>>(), action)
    }

    #[test]
    fn the_one_whose_happenings_fit_is_named_and_the_others_are_listed() {
        let parts = [
            part(1, Mask::MODIFY, Collector::Fanotify, Confidence::Strong),
            part(2, Mask::ATTRIB, Collector::Fanotify, Confidence::Certain),
        ];
        let who = settled(&parts, Action::Updated);
        assert_eq!((who.pid, who.confidence, &*who.candidates), (1, Confidence::Strong, &[2][..]));
        let who = settled(&parts, Action::AttributesModified);
        assert_eq!((who.pid, who.confidence, &*who.candidates), (2, Confidence::Certain, &[1][..]));
    }

    #[test]
    fn two_who_both_wrote_are_ambiguous() {
        let parts = [
            part(1, Mask::MODIFY, Collector::Fanotify, Confidence::Certain),
            part(2, Mask::MODIFY, Collector::Fanotify, Confidence::Certain),
        ];
        let who = settled(&parts, Action::Updated);
        assert_eq!((who.pid, who.confidence, &*who.candidates), (2, Confidence::Ambiguous, &[1][..]));
    }

    #[test]
    fn f49_a_record_of_the_same_process_adds_the_login_user() {
        let mut record = part(1, Mask::MODIFY, Collector::Audit, Confidence::Strong);
        (record.who.auid, record.who.session) = (Some(1000), Some(3));
        let who = settled(
            &[part(1, Mask::MODIFY, Collector::Fanotify, Confidence::Certain), record.clone()],
            Action::Updated,
        );
        assert_eq!((who.auid, who.session, who.confidence), (Some(1000), Some(3), Confidence::Certain));
        assert_eq!(who.candidates, [0; 0]);
        let mut late = part(1, Mask::MODIFY, Collector::Fanotify, Confidence::Unknown);
        late.who = Who { pid: 1, ..Who::unknown(Reason::ReaderLate) };
        let who = settled(&[late, record], Action::Updated);
        assert_eq!((who.auid, who.confidence, who.reason), (Some(1000), Confidence::Merged, None));
    }

    #[test]
    fn a_record_names_whom_inotify_cannot() {
        let nobody = Part {
            who: Who::unknown(Reason::NotTold),
            ..part(0, Mask::MODIFY, Collector::Inotify, Confidence::Unknown)
        };
        let mut record = part(7, Mask::MODIFY, Collector::Audit, Confidence::Strong);
        record.who.auid = Some(1000);
        let who = settled(&[nobody.clone(), record], Action::Updated);
        assert_eq!((who.pid, who.confidence, who.source), (7, Confidence::Merged, Source::Audit));
        assert_eq!(settled(&[nobody], Action::Updated).reason, Some(Reason::NotTold));
    }
}
