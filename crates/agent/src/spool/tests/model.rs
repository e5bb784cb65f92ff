//! Random sequences of everything that can happen, against what must always hold.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Put {
        lane: Lane,
        count: u64,
        padding: usize,
    },
    Commit,
    /// Take a batch; acknowledge all of it, or all but one event.
    Ship {
        all: bool,
    },
    Wait {
        ms: u64,
    },
    Crash(Survives),
    Fail(Operation),
    Full(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let lane = prop_oneof![Just(Lane::High), Just(Lane::Normal), Just(Lane::Low)];
    let survives = prop_oneof![Just(Survives::Written), Just(Survives::Synced), any::<u64>().prop_map(Survives::Part),];
    let operation = prop_oneof![
        Just(Operation::Append),
        Just(Operation::Sync),
        Just(Operation::Create),
        Just(Operation::Rename),
        Just(Operation::Remove),
    ];
    prop_oneof![
        6 => (lane, 1..40_u64, 0..3_000_usize).prop_map(|(lane, count, padding)| Step::Put { lane, count, padding }),
        6 => Just(Step::Commit),
        5 => any::<bool>().prop_map(|all| Step::Ship { all }),
        2 => (0..3_000_u64).prop_map(|ms| Step::Wait { ms }),
        2 => survives.prop_map(Step::Crash),
        1 => operation.prop_map(Step::Fail),
        1 => any::<bool>().prop_map(Step::Full),
    ]
}

struct Model {
    bench: Bench,
    /// Ids of what is durable: it must come out or be reported.
    durable: BTreeSet<EventId>,
    delivered: BTreeSet<u64>,
}

impl Model {
    fn new() -> Self {
        let options = Options { bytes: 512 << 10, batch_events: 16, ..small() };
        Self { bench: Bench::new(options), durable: BTreeSet::new(), delivered: BTreeSet::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Put { lane, count, padding } => {
                for _ in 0..count {
                    let _refused = self.bench.try_put(lane, padding).is_err();
                }
            }
            Step::Commit => self.commit(),
            Step::Ship { all } => self.ship(all),
            Step::Wait { ms } => {
                self.bench.hand.advance(Duration::from_millis(ms));
                self.bench.committer.commit_due();
            }
            Step::Crash(survives) => self.crash(survives),
            Step::Fail(operation) => self.bench.disk.fail(operation, 1),
            Step::Full(full) => self.bench.disk.set_capacity(full.then_some(300 << 10)),
        }
    }

    fn commit(&mut self) {
        self.bench.commit();
        if self.bench.writer.stats().waiting_bytes == 0 {
            self.durable = self.bench.accepted.keys().copied().collect();
        }
    }

    fn ship(&mut self, all: bool) {
        let Some(batch) = self.bench.reader.next(&Limits { events: 200, bytes: 100 << 10 }) else { return };
        self.bench.delivered.take(&batch);
        if all {
            return self.bench.reader.acknowledge(&batch);
        }
        for part in &batch.parts[1..] {
            self.bench.reader.acknowledge_range(batch.origin.epoch, part.lane, part.first, part.last());
        }
    }

    /// What was not durable and did not come out is gone; nobody outside has seen its ids, so they may come again.
    fn crash(&mut self, survives: Survives) {
        let (durable, delivered) = (&self.durable, &self.bench.delivered);
        self.bench.accepted.retain(|id, _| durable.contains(id) || delivered.numbers.contains_key(id));
        // What may have reached the disk without anybody knowing keeps its number, so that it is known when it comes.
        self.bench.restart(survives);
    }

    fn finish(mut self) -> Result<(), TestCaseError> {
        self.bench.disk.set_capacity(None);
        for operation in [Operation::Append, Operation::Sync, Operation::Create, Operation::Rename, Operation::Remove] {
            self.bench.disk.fail(operation, 0);
        }
        self.commit();
        prop_assert_eq!(self.bench.writer.stats().waiting_bytes, 0);
        self.bench.restart(Survives::Synced);
        self.bench.drain();
        for id in &self.durable {
            prop_assert!(
                self.bench.delivered.explains(*id),
                "{} is neither delivered nor reported {:?}",
                id,
                self.bench.delivered.lost
            );
        }
        prop_assert_eq!(self.bench.delivered.uncounted, 0);
        self.delivered = self.bench.delivered.distinct();
        self.bench.restart(Survives::Synced);
        prop_assert_eq!(self.bench.drain(), 0, "what was acknowledged does not come again");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_durable_is_lost_without_a_report(steps in proptest::collection::vec(step(), 1..60)) {
        let mut model = Model::new();
        for step in &steps {
            model.take(step);
        }
        model.finish()?;
    }

    #[test]
    fn one_damaged_byte_costs_one_frame(
        steps in proptest::collection::vec(step(), 1..30),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut model = Model::new();
        for step in steps.iter().filter(|step| !matches!(step, Step::Crash(_) | Step::Full(_) | Step::Fail(_))) {
            model.take(step);
        }
        model.commit();
        model.bench.disk.restart(Survives::Synced);
        let path = at.get(&model.bench.disk.paths()).clone();
        let mut bytes = model.bench.disk.bytes(&path);
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        model.bench.disk.put(&path, &bytes);
        model.bench.reopen();
        model.bench.put(Lane::Normal, 3);
        model.bench.drain();
        let seen = &model.bench.delivered;
        let missing: Vec<_> = model.durable.iter().filter(|id| !seen.numbers.contains_key(id)).collect();
        let dropped: u64 = model.bench.health.stage("spool").report().lost.get("full").copied().unwrap_or(0);
        prop_assert!(missing.len() as u64 <= 16 + dropped + model.bench.lost(), "{} missing", missing.len());
        if seen.uncounted == 0 {
            for id in missing {
                prop_assert!(seen.explains(*id), "{} is neither delivered nor reported", id);
            }
        }
    }
}
