use schema::Stream;

use super::*;

fn filter(name: &str, query: &str, action: &str) -> Filter {
    Filter { name: name.to_owned(), query: query.to_owned(), action: action.parse().unwrap(), by: Vec::new() }
}

fn event(action: &str, pid: i64, path: &str) -> Event {
    let mut event = Event::new(Timestamp::from_millis(pid));
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
    event.push_str(field::FILE_PATH, path);
    event.push_long(field::PROCESS_PID, pid);
    event.push_str(field::TAGS, "noisy");
    event
}

/// A chain with its counters, and what became of each event.
struct Run {
    chain: Chain,
    health: Health,
    gave: Vec<Event>,
    passed: u64,
    filtered: u64,
    limited: u64,
}

impl Run {
    fn new(filters: &[Filter]) -> Self {
        assert_eq!(problems(filters), []);
        let health = Health::default();
        let chain = Chain::new(filters, Vec::new(), &health);
        Self { chain, health, gave: Vec::new(), passed: 0, filtered: 0, limited: 0 }
    }

    fn put(&mut self, mut event: Event, second: i64) -> Event {
        let gave = &mut self.gave;
        let verdict =
            self.chain.judge(&mut event, Timestamp::from_millis(second * 1000), &mut |event| gave.push(event));
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Filtered => self.filtered += 1,
            Verdict::RateLimited => self.limited += 1,
        }
        event
    }

    fn counted(&self, name: &str) -> u64 {
        self.health.figure(format!("auditng_filtered_events_total{{filter=\"{name}\"}}")).value()
    }
}

#[test]
fn a96_keep_first_per_process_and_the_counters_add_up() {
    let mut run = Run::new(&[
        filter("noisy", "tags:noisy", "keep_first(10) per process"),
        filter("pid 3", "process.pid:3", "drop"),
    ]);
    for turn in 0..50 {
        for pid in [1, 2, 3] {
            run.put(event("open", pid, "/x"), turn);
        }
    }
    assert_eq!((run.passed, run.filtered), (20, 130));
    assert_eq!((run.counted("noisy"), run.counted("pid 3")), (120, 10));
}

#[test]
fn a96_a_filter_that_hides_audits_own_changes_is_refused() {
    let wrong = |query: &str| problems(&[filter("x", query, "drop")]);
    for query in ["*", "event.category:configuration", "auditd.message_type:config_change", "NOT process.name:sshd"] {
        let problems = wrong(query);
        assert_eq!(problems.len(), 1, "{query}");
        assert!(problems[0].0 == "filter[0].query" && problems[0].1.contains("would hide"), "{problems:?}");
    }
    assert!(wrong("event.action:source-loss")[0].1.contains("losses"));
    assert!(wrong("event.action:agent-stopped")[0].1.contains("the end of this agent"));
    assert_eq!(wrong("event.category:file"), []);
    let narrowed = format!("* AND {}", wrong("*")[0].1.split_once("add AND ").unwrap().1);
    assert_eq!(wrong(&narrowed), [], "the advice helps");
}

#[test]
fn what_is_protected_passes_a_filter_that_slipped_through() {
    let mut run = Run::new(&[filter("narrow", "process.pid:7", "drop")]);
    let mut change = event("x", 7, "/x");
    change.push_str(field::AUDITNG_AUDIT_TYPES, "CONFIG_CHANGE");
    run.put(change, 1);
    let mut kill = event("x", 7, "/x");
    kill.push_keyed(field::AUDITD_DATA, "opid", Value::Text(&std::process::id().to_string()));
    run.put(kill, 1);
    run.put(event("x", 7, "/x"), 1);
    assert_eq!((run.passed, run.filtered, run.counted("narrow")), (2, 1, 1));
    assert_eq!(run.health.figure("auditng_filter_spared_events_total").value(), 2);
}

#[test]
fn one_of_so_many_passes_and_says_so() {
    let mut run = Run::new(&[filter("some", "event.action:open", "sample(1/4)")]);
    let sampled: Vec<bool> =
        (0..8).map(|_| run.put(event("open", 1, "/x"), 1).long(field::AUDITNG_FILTER_SAMPLE) == Some(4)).collect();
    assert_eq!(sampled, [true, false, false, false, true, false, false, false]);
    run.put(event("exec", 1, "/x"), 1);
    assert_eq!((run.passed, run.filtered, run.counted("some")), (3, 6, 6));
}

#[test]
fn a_rate_is_held_second_by_second() {
    let mut run = Run::new(&[filter("slow", "tags:noisy", "rate_limit(3/s)")]);
    for second in [1, 1, 1, 1, 1, 2, 2, 3] {
        run.put(event("open", 1, "/x"), second);
    }
    assert_eq!((run.passed, run.limited, run.counted("slow")), (6, 2, 2));
}

#[test]
fn repeats_leave_as_one_with_their_number_when_the_time_is_over() {
    let mut run = Run::new(&[filter("repeats", "event.action:open", "aggregate(60s)")]);
    for second in 0..5 {
        run.put(event("open", 1, "/x"), second);
        run.put(event("open", 1, "/y"), 0);
    }
    run.put(event("exec", 1, "/x"), 0);
    assert_eq!((run.passed, run.filtered), (3, 8));
    let mut out = Vec::new();
    run.chain.tick(Timestamp::from_millis(59_000), &mut |event| out.push(event));
    assert!(out.is_empty());
    run.chain.tick(Timestamp::from_millis(60_000), &mut |event| out.push(event));
    let [one, other] = &out[..] else { panic!("{out:?}") };
    assert_eq!((one.long(field::AUDITNG_AGGREGATE_COUNT), one.str(field::FILE_PATH)), (Some(4), Some("/x")));
    assert_eq!((other.long(field::AUDITNG_AGGREGATE_COUNT), other.str(field::FILE_PATH)), (Some(4), Some("/y")));
    assert_eq!((one.str(field::AUDITNG_FILTER_NAME), one.str(field::EVENT_ACTION)), (Some("repeats"), Some("open")));
    // What has no repeat leaves nothing behind, and the next one begins anew.
    run.put(event("open", 1, "/x"), 61);
    assert_eq!(run.passed, 4);
    run.chain.finish(&mut |event| out.push(event));
    assert_eq!(out.len(), 2);
}

#[test]
fn repeats_have_a_bound() {
    let mut run =
        Run::new(&[Filter { by: vec!["file.path".to_owned()], ..filter("r", "event.action:open", "aggregate(1h)") }]);
    for turn in 0..2 {
        for at in 0..3000 {
            run.put(event("open", turn, &format!("/{at}")), 0);
        }
    }
    run.put(event("open", 1, "/2999"), 0);
    let mut held = 0;
    run.chain.finish(&mut |_| held += 1);
    assert_eq!((run.passed, run.filtered, held, run.gave.len()), (6000, 1, 1, 0));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let filters = [
        filter("a", "nonsense.field:1", "drop"),
        filter("a", "event.category:file", "drop"),
        Filter { by: vec!["file.pth".to_owned()], ..filter("", "event.category:file", "sample(1/2)") },
    ];
    let places: Vec<String> = problems(&filters).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["filter[0].query", "filter[1].name", "filter[2].name", "filter[2].by", "filter[2].by"]);
}

#[test]
fn many_processes_are_forgotten_in_turn() {
    let mut processes = Processes::default();
    for pid in 0..3 * i64::try_from(PROCESSES).unwrap() {
        processes.count(&event("open", pid, "/x"));
    }
    assert!(processes.young.len() + processes.old.len() <= 2 * PROCESSES);
}
