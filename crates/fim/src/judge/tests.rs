//! What evidence becomes: one test a row of the table, and what belongs together.

mod any;
mod world;

use std::path::Path;
use std::sync::Arc;

use schema::Timestamp;

use self::world::{Memory, World, path};
use super::{Aids, Judge, Limits, Wish};
use crate::change::{Action, Change, Inside};
use crate::entry::Kind;
use crate::evidence::{Backing, Collector, Evidence, Layered, Mask};
use crate::policy::{Classes, ContainerFacts, Containers, Policies, Policy, Scope, Selector, Severity};
use crate::who::{Confidence, Who};

/// A judge over a world of which everything was seen.
struct Stand {
    world: World,
    seen: Memory,
    judge: Judge,
}

impl Stand {
    fn new(make: impl FnOnce(&mut World)) -> Self {
        Self::asking(Classes::CHANGES, make)
    }

    fn asking(classes: Classes, make: impl FnOnce(&mut World)) -> Self {
        let policy = Policy { id: "p".into(), classes, severity: Severity::High, ..Policy::default() };
        let judge = Judge::new(Arc::new(Policies::of_trees([(path("/w"), policy)])), Limits::default());
        let mut world = World::new();
        make(&mut world);
        world.told.clear();
        let mut seen = Memory::default();
        world.scan(Path::new("/w"), &mut seen);
        Self { world, seen, judge }
    }

    fn take(&mut self) {
        let now = Timestamp::from_millis(self.world.now);
        for evidence in self.world.told.drain(..) {
            self.judge.take(evidence, now);
        }
    }

    /// Runs when it is due until it is due no more.
    fn run(&mut self) -> Vec<Change> {
        self.take();
        let mut out = Vec::new();
        while let Some(due) = self.judge.due() {
            self.world.now = self.world.now.max(due.millis());
            let now = Timestamp::from_millis(self.world.now);
            self.judge.run(now, &self.world, &mut self.seen, &mut |change| out.push(change));
        }
        out
    }

    /// As `action path`, with `<- old path`, `= names`, `*` for transient.
    fn told(&mut self) -> Vec<String> {
        self.run().iter().map(line).collect()
    }

    fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.told(), expected);
        let mut all = Memory::default();
        self.world.scan(Path::new("/w"), &mut all);
        assert_eq!(self.seen, all, "what was seen is what is there");
    }
}

fn line(change: &Change) -> String {
    let mut line = format!("{} {}", change.action.name(), change.path.display());
    if let Some(old) = &change.old_path {
        line += &format!(" <- {}", old.display());
    }
    for name in &change.names {
        line += &format!(" = {}", name.display());
    }
    if change.transient {
        line += " *";
    }
    line
}

#[test]
fn f15_created_and_deleted_are_both_told_in_order() {
    let mut stand = Stand::new(|_| {});
    stand.world.write("/w/x", "1");
    stand.world.remove("/w/x");
    stand.check(&["created /w/x *", "deleted /w/x *"]);
    assert_eq!(stand.judge.due(), None);
}

#[test]
fn a_new_file_is_one_change() {
    let mut stand = Stand::new(|_| {});
    stand.world.write("/w/x", "1");
    stand.check(&["created /w/x"]);
}

#[test]
fn f14_content_decides_whatever_the_mask_says() {
    let mut stand = Stand::new(|world| world.write("/w/x", "12"));
    stand.world.write("/w/x", "1");
    stand.world.told[0].mask = Mask::MODIFY;
    stand.check(&["updated /w/x"]);
    let mut stand = Stand::new(|world| world.write("/w/x", "12"));
    stand.world.write("/w/x", "1");
    stand.world.told[0].mask = Mask::CLOSE_WRITE;
    stand.check(&["updated /w/x"]);
}

#[test]
fn the_same_bytes_again_are_counted_only() {
    let mut stand = Stand::new(|world| world.write("/w/x", "12"));
    stand.world.write("/w/x", "12");
    stand.check(&[]);
    assert_eq!(stand.judge.counters().touched, 1);
}

#[test]
fn a_time_that_was_set_is_told() {
    let mut stand = Stand::new(|world| world.write("/w/x", "12"));
    stand.world.attrib("/w/x", |entry| entry.mtime_ns = 5);
    stand.check(&["attributes_modified /w/x"]);
}

#[test]
fn f12_attributes() {
    let mut stand = Stand::new(|world| world.write("/w/x", "12"));
    stand.world.attrib("/w/x", |entry| entry.mode = 0o4755);
    let changes = stand.run();
    let differences = changes[0].before.as_ref().unwrap().differences(changes[0].after.as_ref().unwrap());
    assert_eq!(differences[0].attribute, "mode");
}

#[test]
fn f4_a_temporary_renamed_over_is_one_replacement() {
    let mut stand = Stand::new(|world| world.write("/w/x", "old"));
    let old = stand.world.at("/w/x").unwrap().clone();
    stand.world.write("/w/x.tmp", "new");
    stand.world.rename("/w/x.tmp", "/w/x");
    let changes = stand.run();
    assert_eq!(changes.iter().map(line).collect::<Vec<_>>(), ["replaced /w/x <- /w/x.tmp"]);
    let (before, after) = (changes[0].before.as_ref().unwrap(), changes[0].after.as_ref().unwrap());
    assert_eq!(*before, old);
    assert_ne!(before.id.inode, after.id.inode);
    assert_ne!(before.hashes, after.hashes);
}

#[test]
fn an_inode_number_that_is_given_out_again_is_another_object() {
    let mut stand = Stand::new(|world| world.write("/w/x", "old"));
    stand.world.remove("/w/x");
    stand.world.write("/w/x", "new");
    assert_eq!(stand.seen.0[Path::new("/w/x")].id, stand.world.at("/w/x").unwrap().id);
    stand.check(&["replaced /w/x"]);
    // And no move where there was none.
    let mut stand = Stand::new(|world| world.write("/w/x", "old"));
    stand.world.remove("/w/x");
    stand.world.write("/w/t", "new");
    stand.world.rename("/w/t", "/w/y");
    stand.check(&["deleted /w/x", "created /w/y <- /w/t"]);
}

#[test]
fn f5_backups_of_editors_are_folded() {
    // backupcopy=no: the file is renamed to the backup, written anew, the backup removed.
    let mut stand = Stand::new(|world| world.write("/w/x", "old"));
    stand.world.make("/w/4913", Kind::File);
    stand.world.remove("/w/4913");
    stand.world.rename("/w/x", "/w/x~");
    stand.world.write("/w/x", "new");
    stand.world.remove("/w/x~");
    stand.check(&["replaced /w/x"]);
    // backupcopy=yes: the file is copied to the backup and written in place.
    let mut stand = Stand::new(|world| world.write("/w/x", "old"));
    stand.world.write("/w/.x.swp", "swap");
    stand.world.write("/w/x~", "old");
    stand.world.write("/w/x", "new");
    stand.world.remove("/w/x~");
    stand.world.remove("/w/.x.swp");
    stand.check(&["updated /w/x"]);
    assert_eq!(stand.judge.counters().folded, 2);
}

#[test]
fn a_backup_that_stays_is_told() {
    let mut stand = Stand::new(|world| world.write("/w/x", "old"));
    stand.world.rename("/w/x", "/w/x~");
    stand.world.write("/w/x", "new");
    stand.check(&["replaced /w/x", "created /w/x~ <- /w/x"]);
}

#[test]
fn a_name_like_an_editors_folds_nothing_by_itself() {
    let mut stand = Stand::new(|_| {});
    stand.world.write("/w/.evil.swp", "1");
    stand.world.remove("/w/.evil.swp");
    stand.check(&["created /w/.evil.swp *", "deleted /w/.evil.swp *"]);
}

#[test]
fn f6_exchanged_files_are_two_changes() {
    let mut stand = Stand::new(|world| {
        world.write("/w/a", "1");
        world.write("/w/b", "2");
    });
    stand.world.exchange("/w/a", "/w/b");
    stand.check(&["replaced /w/a <- /w/b", "replaced /w/b <- /w/a"]);
}

#[test]
fn f7_moves_across_the_border_name_the_other_side() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    stand.world.rename("/w/a", "/out/a");
    stand.check(&["deleted /w/a <- /out/a"]);
    stand.world.rename("/out/a", "/w/b");
    stand.check(&["created /w/b <- /out/a"]);
    stand.world.rename("/w/b", "/w/c");
    stand.check(&["moved /w/c <- /w/b"]);
}

#[test]
fn a_moved_and_rewritten_file_is_both() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    stand.world.rename("/w/a", "/w/b");
    stand.world.write("/w/b", "2");
    stand.check(&["moved /w/b <- /w/a", "updated /w/b"]);
}

#[test]
fn there_and_back_is_nothing() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    stand.world.rename("/w/a", "/w/b");
    stand.world.rename("/w/b", "/w/a");
    stand.check(&[]);
}

#[test]
fn f8_a_write_through_a_hard_link_names_the_watched_file() {
    let mut stand = Stand::new(|world| {
        world.write("/w/a", "1");
        world.link("/w/a", "/out/b");
    });
    stand.world.write("/out/b", "2");
    stand.check(&["updated /w/a = /out/b"]);
}

#[test]
fn r18_all_known_names_are_told_and_noted() {
    let mut stand = Stand::new(|world| {
        world.write("/w/a", "1");
        world.link("/w/a", "/w/b");
    });
    stand.world.write("/w/b", "2");
    stand.check(&["updated /w/b = /w/a"]);
}

#[test]
fn f9_the_name_of_a_file_that_had_none() {
    let mut stand = Stand::new(|_| {});
    stand.world.write("/w/#123", "1");
    stand.world.told.remove(0);
    stand.world.rename("/w/#123", "/w/x");
    stand.world.told.pop();
    let id = stand.world.at("/w/x").unwrap().id;
    let evidence = |mask| Evidence {
        path: Some(path("/w/x")),
        id: Some(id),
        ..Evidence::new(Timestamp::from_millis(1_005), Collector::Fanotify, mask)
    };
    stand.world.told.extend([evidence(Mask::ATTRIB), evidence(Mask::CREATE)]);
    stand.check(&["created /w/x"]);
    assert_eq!(stand.judge.counters().vanished, 1);
}

#[test]
fn f3_what_is_edited_below_a_renamed_folder_has_its_new_path() {
    let mut stand = Stand::new(|world| {
        world.make("/w/a", Kind::Directory);
        world.write("/w/a/x", "1");
        world.write("/w/a/y", "1");
    });
    stand.world.write("/w/a/y", "2");
    stand.world.rename("/w/a", "/w/b");
    stand.world.write("/w/b/x", "2");
    stand.check(&["updated /w/b/y", "moved /w/b <- /w/a", "updated /w/b/x"]);
}

#[test]
fn f2_a_populated_folder_that_moves_in_is_scanned() {
    let mut stand = Stand::new(|world| {
        world.make("/out/a", Kind::Directory);
        world.write("/out/a/x", "1");
    });
    stand.world.rename("/out/a", "/w/a");
    assert_eq!(stand.told(), ["created /w/a <- /out/a"]);
    let wishes = stand.judge.wishes();
    assert!(matches!(&wishes[..], [Wish::Scan { path: one, from: Some(from), who, .. }]
        if *one == path("/w/a") && *from == path("/out/a") && who.pid == 100));
}

#[test]
fn what_goes_with_a_folder_is_told() {
    let mut stand = Stand::new(|world| {
        world.make("/w/a", Kind::Directory);
        world.make("/w/a/s", Kind::Directory);
        world.write("/w/a/s/x", "1");
    });
    stand.world.rename("/w/a", "/out/z");
    stand.check(&["deleted /w/a/s <- /out/z/s", "deleted /w/a/s/x <- /out/z/s/x", "deleted /w/a <- /out/z"]);
}

#[test]
fn removing_a_tree_tells_each_once() {
    let mut stand = Stand::new(|world| {
        world.make("/w/a", Kind::Directory);
        world.write("/w/a/x", "1");
    });
    stand.world.remove("/w/a");
    stand.check(&["deleted /w/a/x", "deleted /w/a"]);
}

#[test]
fn f33_another_target_is_an_update() {
    let mut stand = Stand::new(|world| world.symlink("/w/l", "a"));
    stand.world.symlink("/w/l.tmp", "b");
    stand.world.rename("/w/l.tmp", "/w/l");
    let changes = stand.run();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].action, Action::Updated);
    let targets = [&changes[0].before, &changes[0].after].map(|entry| entry.as_ref().unwrap().target.clone().unwrap());
    assert_eq!(targets, [(*b"a").into(), (*b"b").into()]);
}

#[test]
fn f30_one_object_under_two_mounts_is_one_change() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    // A second mount shows the same object; inotify tells under both names.
    let inode = stand.world.names[Path::new("/w/a")];
    stand.world.names.insert(path("/w/alias"), inode);
    stand.world.scan(Path::new("/w"), &mut stand.seen);
    stand.world.write("/w/a", "2");
    let mut twin = stand.world.told[0].clone();
    twin.path = Some(path("/w/alias"));
    stand.world.told.push(twin);
    stand.check(&["updated /w/a = /w/alias"]);
}

#[test]
fn f49_audit_and_fanotify_make_one_event() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    stand.judge.set_audit(true);
    stand.world.write("/w/a", "2");
    let fanotify = stand.world.told[0].clone();
    let audit = Evidence {
        at: Timestamp::from_millis(fanotify.at.millis() + 700),
        collector: Collector::Audit,
        who: Who { pid: 100, auid: Some(1000), session: Some(4), confidence: Confidence::Strong, ..Who::default() },
        ..fanotify
    };
    stand.take();
    // It waits for its partner beyond the debounce time, and no longer when the partner has come.
    let waits = stand.judge.due().unwrap();
    assert_eq!(waits, Timestamp::from_millis(stand.world.now + 1_000));
    stand.world.told.push(audit.clone());
    let changes = stand.run();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].who.auid, changes[0].who.session), (Some(1000), Some(4)));
    assert_eq!(changes[0].who.confidence, Confidence::Certain);
    // The same record once more makes no second event.
    stand.world.told.push(audit);
    stand.check(&[]);
}

#[test]
fn a_late_record_of_what_came_and_went_makes_no_second_event() {
    let mut stand = Stand::new(|_| {});
    stand.world.write("/w/a", "2");
    stand.world.remove("/w/a");
    let mut late = stand.world.told.clone();
    stand.check(&["created /w/a *", "deleted /w/a *"]);
    late.iter_mut().for_each(|evidence| evidence.collector = Collector::Audit);
    stand.world.told = late;
    stand.check(&[]);
    assert_eq!(stand.judge.counters().joined, 1);
}

#[test]
fn executions_and_accesses_do_not_wait() {
    let mut stand = Stand::asking(Classes::EXEC.with(Classes::ACCESS), |world| world.write("/w/a", "1"));
    for mask in [Mask::OPEN_EXEC, Mask::OPEN, Mask::OPEN] {
        stand.world.write("/w/a", "1");
        stand.world.told.last_mut().unwrap().mask = mask;
    }
    stand.take();
    let mut out = Vec::new();
    let now = Timestamp::from_millis(stand.world.now);
    stand.judge.run(now, &stand.world, &mut stand.seen, &mut |change| out.push(change));
    assert_eq!(out.iter().map(line).collect::<Vec<_>>(), ["executed /w/a", "opened /w/a"]);
    assert!(out[0].after.is_some());
    // The second access is counted, and told at the end of its window.
    let rest = stand.run();
    assert_eq!(rest.iter().map(|change| (change.action, change.count)).collect::<Vec<_>>(), [(Action::Opened, 1)]);
}

#[test]
fn what_failed_changed_nothing() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    stand.world.write("/w/a", "1");
    stand.world.told[0].failed = true;
    let changes = stand.run();
    assert_eq!((changes.len(), changes[0].action, changes[0].failed), (1, Action::Updated, true));
}

#[test]
fn classes_that_nobody_asks_for_are_seen_and_not_told() {
    let mut stand = Stand::asking(Classes::DELETE, |_| {});
    stand.world.write("/w/a", "1");
    stand.check(&[]);
    assert_eq!(stand.judge.counters().unasked, 1);
    stand.world.remove("/w/a");
    stand.check(&["deleted /w/a"]);
}

#[test]
fn more_names_than_may_wait_are_judged_at_once() {
    let mut stand = Stand::new(|_| {});
    stand.judge.limits.pending = 10;
    for n in 0..15 {
        stand.world.write(&format!("/w/{n:02}"), "1");
    }
    stand.take();
    assert_eq!(stand.judge.due(), Some(Timestamp::from_millis(i64::MIN)));
    let mut out = Vec::new();
    let now = Timestamp::from_millis(stand.world.now);
    stand.judge.run(now, &stand.world, &mut stand.seen, &mut |change| out.push(line(&change)));
    assert_eq!(out, ["created /w/00", "created /w/01", "created /w/02", "created /w/03", "created /w/04"]);
    assert_eq!(stand.judge.pending(), 10);
}

#[test]
fn evidence_beyond_all_bounds_becomes_a_wish() {
    let mut stand = Stand::new(|_| {});
    stand.judge.limits.pending = 2;
    for n in 0..9 {
        stand.world.write(&format!("/w/{n}"), "1");
    }
    stand.take();
    assert_eq!(stand.judge.pending(), 4);
    assert!(stand.judge.counters().overflowed > 0);
    assert!(matches!(&stand.judge.wishes()[..], [Wish::Scan { path: one, .. }] if *one == path("/w")));
}

#[test]
fn a_file_that_never_rests_is_judged_all_the_same() {
    let mut stand = Stand::new(|world| world.write("/w/a", "1"));
    let begin = stand.world.now;
    for n in 0..50 {
        stand.world.now += 100;
        stand.world.write("/w/a", &n.to_string());
        stand.take();
        if stand.judge.due().unwrap().millis() <= stand.world.now {
            break;
        }
    }
    assert!((2_900..=3_200).contains(&(stand.world.now - begin)), "{}", stand.world.now - begin);
}

/// Any container is this one.
struct Boxes;

impl Containers for Boxes {
    fn having(&self, inside: &Inside) -> Option<Arc<ContainerFacts>> {
        Some(Arc::new(ContainerFacts { id: inside.container.clone(), name: "web".into(), ..ContainerFacts::default() }))
    }

    fn of(&self, _: u32) -> (Option<Arc<ContainerFacts>>, Option<Box<str>>) {
        (None, None)
    }
}

#[test]
fn f25_f26_f27_overlays_are_judged_at_the_path_inside() {
    let scope = Scope::Containers(vec![Selector::read("name:web").unwrap()]);
    let policy =
        Policy { id: "p".into(), classes: Classes::CHANGES, severity: Severity::High, scope, ..Policy::default() };
    let mut stand = Stand::new(|world| {
        world.make("/out/lower", Kind::Directory);
        world.make("/out/upper", Kind::Directory);
        world.write("/out/lower/x", "1");
    });
    let aids = Aids { containers: Arc::new(Boxes), ..Aids::default() };
    stand.judge = Judge::new(Arc::new(Policies::of_trees([(path("/etc"), policy)])), Limits::default()).with(aids);
    // What a collector tells of a layer: the merged path, which cannot be reached from here, and where it really lies.
    let told = |stand: &mut Stand, what: Layered, lower: bool| {
        let lower = lower.then(|| path("/out/lower/x"));
        for evidence in &mut stand.world.told {
            evidence.path = Some(path("/merged/etc/x"));
            evidence.inside = Some(Inside { container: "c1".into(), pid: 7, path: path("/etc/x") });
            evidence.backing = Some(Backing { path: path("/out/upper/x"), what, lower: lower.clone() });
        }
    };
    stand.world.write("/out/upper/x", "12");
    told(&mut stand, Layered::CopiedUp, true);
    // The kernel may tell of the name and of what was written in two pieces; the second says nothing of where the file came from.
    let mut written = stand.world.told.last().unwrap().clone();
    written.mask = Mask::MODIFY.with(Mask::CLOSE_WRITE);
    written.backing = Some(Backing { path: path("/out/upper/x"), what: Layered::Same, lower: None });
    stand.world.told.push(written);
    let changes = stand.run();
    assert_eq!(changes.iter().map(line).collect::<Vec<_>>(), ["updated /merged/etc/x"]);
    assert_eq!(changes[0].inside.as_ref().unwrap().path, path("/etc/x"));
    assert_eq!(changes[0].before.as_ref().unwrap().size, 1);
    stand.world.write("/out/upper/x", "123");
    told(&mut stand, Layered::Same, true);
    assert_eq!(stand.told(), ["updated /merged/etc/x"]);
    stand.world.remove("/out/upper/x");
    stand.world.make("/out/upper/x", Kind::Character);
    told(&mut stand, Layered::Whiteout, true);
    assert_eq!(stand.told(), ["deleted /merged/etc/x"]);
}
