//! Whatever is done, in whatever pieces it is told: what was seen in the end is what is there in the end.

use std::path::Path;

use proptest::prelude::*;
use schema::Timestamp;

use super::world::Memory;
use super::{Stand, Wish};
use crate::entry::Kind;

const NAMES: [&str; 10] =
    ["/w/a", "/w/b", "/w/.a.swp", "/w/a~", "/w/d", "/w/d/x", "/w/d/y", "/w/e", "/w/e/x", "/out/a"];

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    Folder(usize),
    Remove(usize),
    Rename(usize, usize),
    Exchange(usize, usize),
    Link(usize, usize),
    Chmod(usize, u16),
    Wait(i64),
    /// Some of what was told is taken, the rest stays in the kernel's queue.
    Take(usize),
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        4 => (name(), 0..4_u8).prop_map(|(at, what)| Step::Write(at, what)),
        2 => name().prop_map(Step::Folder),
        2 => name().prop_map(Step::Remove),
        4 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (name(), name()).prop_map(|(from, to)| Step::Exchange(from, to)),
        1 => (name(), name()).prop_map(|(from, to)| Step::Link(from, to)),
        1 => (name(), 0..3_u16).prop_map(|(at, mode)| Step::Chmod(at, mode)),
        2 => (0..600_i64).prop_map(Step::Wait),
        3 => (0..8_usize).prop_map(Step::Take),
        3 => Just(Step::Run),
    ]
}

impl Stand {
    fn is(&self, at: usize, kind: Kind) -> bool {
        self.world.at(NAMES[at]).is_some_and(|entry| entry.kind == kind)
    }

    fn free(&self, at: usize) -> bool {
        self.world.is_free(NAMES[at])
    }

    fn do_(&mut self, step: &Step) {
        match *step {
            Step::Write(at, what) if self.is(at, Kind::File) || self.free(at) => {
                self.world.write(NAMES[at], &what.to_string())
            }
            Step::Folder(at) if self.free(at) => self.world.make(NAMES[at], Kind::Directory),
            Step::Remove(at) => self.world.remove(NAMES[at]),
            Step::Rename(from, to)
                if self.is(from, Kind::File) && (self.is(to, Kind::File) || self.free(to)) && from != to =>
            {
                self.world.rename(NAMES[from], NAMES[to]);
            }
            Step::Rename(from, to)
                if self.is(from, Kind::Directory)
                    && self.free(to)
                    && !Path::new(NAMES[to]).starts_with(NAMES[from]) =>
            {
                self.world.rename(NAMES[from], NAMES[to]);
            }
            Step::Exchange(from, to) if self.is(from, Kind::File) && self.is(to, Kind::File) && from != to => {
                self.world.exchange(NAMES[from], NAMES[to]);
            }
            Step::Link(from, to) if self.is(from, Kind::File) && self.free(to) => {
                self.world.link(NAMES[from], NAMES[to])
            }
            Step::Chmod(at, mode) if self.is(at, Kind::File) => self.world.attrib(NAMES[at], |entry| entry.mode = mode),
            Step::Wait(ms) => self.world.now += ms,
            Step::Take(number) => {
                let now = Timestamp::from_millis(self.world.now);
                for _ in 0..number {
                    let Some(evidence) = self.world.read() else { break };
                    self.judge.take(evidence, now);
                }
            }
            Step::Run => {
                let now = Timestamp::from_millis(self.world.now);
                self.judge.run(now, &self.world, &mut self.seen, &mut |_| {});
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_ends_in_what_one_look_would_see(
        before in prop::collection::vec(step(), 0..12),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut stand = Stand::new(|_| {});
        for step in before.iter().filter(|step| !matches!(step, Step::Take(_) | Step::Run)) {
            stand.do_(step);
        }
        stand.world.forget();
        stand.seen = Memory::default();
        stand.world.scan(Path::new("/w"), &mut stand.seen);
        for step in &steps {
            stand.do_(step);
        }
        stand.do_(&Step::Take(usize::MAX));
        stand.run();
        for Wish::Scan { path, .. } in stand.judge.wishes() {
            stand.world.scan(&path, &mut stand.seen);
        }
        let mut all = Memory::default();
        stand.world.scan(Path::new("/w"), &mut all);
        prop_assert_eq!(&stand.seen, &all);
    }
}
