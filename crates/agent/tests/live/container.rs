//! Containers of real podman and containerd: every process says in its own arguments in which container it runs, and the
//! event about it must say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::enrich::container::config::{Socket, SocketKind};
use schema::{Event, Value, field};

use super::boxes::{Boxes, IMAGE, done};
use super::stand::{Collect, PATIENCE, Stand, Started, has, texts};

const EXEC: &str = "-a always,exit -F arch=b64 -S execve,execveat -k auditng-test-box";
/// Starts `$1` processes one after the other, each of a millisecond or two. They carry the container's name, `$0`.
const LOOP: &str = "i=0; while [ $i -lt $1 ]; do /bin/busybox true $0 $i; i=$((i+1)); done";

/// Execs of the loop's processes, and what is said of containers.
fn wanted(event: &Event) -> bool {
    truth(event).is_some() || event.str(field::EVENT_KIND) == Some("state")
}

/// In which container a process of the loop says that it is.
fn truth(event: &Event) -> Option<String> {
    let is = |place: usize, word: &str| event.all(field::PROCESS_ARGS).nth(place) == Some(Value::Text(word));
    let exec = has(event, field::EVENT_ACTION, "exec") && event.str(field::EVENT_OUTCOME) == Some("success");
    (exec && is(0, "/bin/busybox") && is(1, "true")).then(|| texts(event, field::PROCESS_ARGS)[2].clone())
}

fn words<'a>(name: &'a str, count: &'a str) -> [&'a str; 6] {
    ["/bin/busybox", "sh", "-c", LOOP, name, count]
}

/// What is expected of the events of one container.
struct Expect {
    id: Option<String>,
    runtime: &'static str,
    count: usize,
}

impl Expect {
    fn host(count: usize) -> Self {
        Self { id: None, runtime: "", count }
    }
}

/// What an event says of its container.
fn said(event: &Event) -> String {
    let fields = [
        field::AUDITNG_CONTAINER_SCOPE,
        field::AUDITNG_CONTAINER_SOURCE,
        field::AUDITNG_CONTAINER_METADATA,
        field::CONTAINER_ID,
        field::CONTAINER_NAME,
        field::CONTAINER_RUNTIME,
        field::CONTAINER_IMAGE_NAME,
        field::PROCESS_ENTITY_ID,
    ];
    let pairs = fields.map(|field| format!("{}={}", field.name(), event.str(field).unwrap_or("-")));
    format!("pid={:?} {}", event.long(field::PROCESS_PID), pairs.join(" "))
}

/// How the events compare with the truth.
#[derive(Default, Debug)]
struct Score {
    right: usize,
    /// Said to be unknown, with the reason and the loop.
    unknown: BTreeMap<String, usize>,
    /// Id, name, runtime or image of another one, or of none.
    wrong: Vec<String>,
    /// The right id, while name and image were not yet known.
    pending: usize,
    /// Pids seen in more than one container.
    reused: usize,
}

impl Score {
    fn of(events: &[Event], expect: &BTreeMap<String, Expect>) -> Self {
        let mut score = Self::default();
        let mut pids: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
        for event in events {
            let Some(name) = truth(event) else { continue };
            score.take(event, &name, &expect[&name]);
            pids.entry(event.long(field::PROCESS_PID).unwrap()).or_default().insert(name);
        }
        score.reused = pids.values().filter(|names| names.len() > 1).count();
        score
    }

    fn take(&mut self, event: &Event, name: &str, expect: &Expect) {
        let scope = event.str(field::AUDITNG_CONTAINER_SCOPE);
        if scope == Some("unknown") {
            let reason = event.str(field::AUDITNG_CONTAINER_REASON).unwrap_or("none given");
            *self.unknown.entry(format!("{reason} in {name}")).or_default() += 1;
            return;
        }
        let id = event.str(field::CONTAINER_ID);
        let named = event.str(field::CONTAINER_NAME) == Some(name);
        let image = event.str(field::CONTAINER_IMAGE_NAME);
        let right = match &expect.id {
            None => scope == Some("host") && id.is_none() && image.is_none(),
            Some(wanted) => {
                let whole = named && image == Some(IMAGE);
                let pending = !whole && has(event, field::AUDITNG_CONTAINER_METADATA, "pending");
                self.pending += usize::from(pending);
                id == Some(wanted) && event.str(field::CONTAINER_RUNTIME) == Some(expect.runtime) && (whole || pending)
            }
        };
        match right {
            true => self.right += 1,
            false => self.wrong.push(format!("{name} has {}", said(event))),
        }
    }

    /// At least 999 of 1,000 know where they are, and the others say that they do not.
    fn check(&self, count: usize) {
        let first: Vec<_> = self.wrong.iter().take(3).collect();
        assert!(self.wrong.is_empty(), "{} of {count} are wrong: {first:#?}", self.wrong.len());
        assert!(self.right * 1000 >= count * 999, "{} of {count} are right, {:?} unknown", self.right, self.unknown);
    }
}

/// Waits until every process of the loops has its event.
fn all(started: &Started, expect: &BTreeMap<String, Expect>) -> Vec<Event> {
    let count: usize = expect.values().map(|expect| expect.count).sum();
    let deadline = testkit::Deadline::after(PATIENCE);
    testkit::eventually("an event of every process, or the end of patience", PATIENCE * 2, || {
        let there = started.sink.count(count, |event| truth(event).is_some());
        (there >= count || deadline.passed()).then_some(())
    });
    for reason in ["serial-gap", "kernel-lost"] {
        let lost = started.lost("kernel", reason);
        assert_eq!(lost, 0, "{reason}: {:?}", started.health.snapshot());
    }
    let events = started.sink.all();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    events.iter().filter_map(truth).for_each(|name| *seen.entry(name).or_default() += 1);
    let wanted: BTreeMap<String, usize> = expect.iter().map(|(name, expect)| (name.clone(), expect.count)).collect();
    let differ: Vec<_> = wanted.iter().filter(|(name, count)| seen.get(*name) != Some(count)).collect();
    let lost = started.health.snapshot();
    assert!(
        differ.is_empty(),
        "of {differ:?} there are {:?}; {lost:?}",
        differ.iter().map(|(name, _)| seen.get(*name)).collect::<Vec<_>>()
    );
    events
}

pub(crate) fn a85_short_lives() {
    let stand = Stand::new();
    let boxes = Boxes::start(stand.path("boxes"));
    let started = stand.source_among(&[EXEC], boxes.context(), Arc::new(Collect::only(wanted))).on();
    let name = "auditng-test-short";
    done(&mut boxes.podman_run(name, &[], &words(name, "1000")));
    let expect =
        BTreeMap::from([(name.to_owned(), Expect { id: Some(boxes.podman_id(name)), runtime: "podman", count: 1000 })]);
    let score = Score::of(&all(&started, &expect), &expect);
    report(&format!("a85: {} right, {:?} unknown, {} pending", score.right, score.unknown, score.pending));
    score.check(1000);
}

/// Figures for whoever watches.
#[expect(clippy::print_stderr, reason = "a test's figures are for people")]
fn report(line: &str) {
    eprintln!("{line}");
}

/// `rounds` times two containers of podman, two of containerd and a loop on the host, all at once.
fn rounds(rounds: usize, count: usize) {
    let stand = Stand::new();
    let boxes = Boxes::start(stand.path("boxes"));
    let started = stand.source_among(&[EXEC], boxes.context(), Arc::new(Collect::only(wanted))).on();
    let begin = Instant::now();
    let last_pid = "/proc/sys/kernel/ns_last_pid";
    let first_pid = std::fs::read_to_string(last_pid).unwrap_or_default();
    let mut back = true;
    let mut expect = BTreeMap::new();
    for round in 0..rounds {
        // Pids start again where they did, so that containers get those of the ones before.
        if round > 0 {
            back &= std::fs::write(last_pid, first_pid.trim()).is_ok();
        }
        one_round(&boxes, round, count, &mut expect);
    }
    let processes: usize = expect.values().map(|expect| expect.count).sum();
    let score = Score::of(&all(&started, &expect), &expect);
    report(&format!(
        "a90: {processes} processes in {} containers and on the host in {:?}: {} right, {:?} unknown, {} pending, {} pids \
         of more than one",
        rounds * 4,
        begin.elapsed(),
        score.right,
        score.unknown,
        score.pending,
        score.reused
    ));
    score.check(processes);
    // Kernels without CONFIG_CHECKPOINT_RESTORE do not let pids come back at will.
    assert!(score.reused > 0 || !back, "no pid came back, so nothing could be mixed up");
    observed(&started, &expect);
}

fn one_round(boxes: &Boxes, round: usize, count: usize, expect: &mut BTreeMap<String, Expect>) {
    let number = count.to_string();
    let names: Vec<String> = (0..5).map(|place| format!("auditng-test-{round}-{place}")).collect();
    let mut host = Command::new("/bin/busybox");
    host.args(&words(&names[4], &number)[1..]);
    let mut commands = [
        boxes.podman_run(&names[0], &[], &words(&names[0], &number)),
        boxes.ctr_run(&names[1], &words(&names[1], &number)),
        boxes.podman_run(&names[2], &[], &words(&names[2], &number)),
        boxes.ctr_run(&names[3], &words(&names[3], &number)),
        host,
    ];
    std::thread::scope(|scope| {
        commands.iter_mut().for_each(|command| drop(scope.spawn(|| done(command))));
    });
    for name in [&names[0], &names[2]] {
        expect.insert(name.clone(), Expect { id: Some(boxes.podman_id(name)), runtime: "podman", count });
    }
    for name in [&names[1], &names[3]] {
        expect.insert(name.clone(), Expect { id: Some(name.clone()), runtime: "containerd", count });
    }
    expect.insert(names[4].clone(), Expect::host(count));
}

/// Every container was told in an event of its own, with its label and its image's digest. A runtime that was too busy to answer
/// while its container lived cannot be asked afterwards: then the event says so.
fn observed(started: &Started, expect: &BTreeMap<String, Expect>) {
    let silent = |via: &str| {
        let figure = format!("auditng_container_lookup_total{{via=\"{via}\",result=\"timeout\"}}");
        started.health.figure(figure).value() > 0
    };
    let mut whole = 0;
    for (name, expect) in expect.iter().filter(|(_, expect)| expect.id.is_some()) {
        let excused = silent(expect.runtime);
        let told = |event: &Event| {
            let metadata = event.str(field::AUDITNG_CONTAINER_METADATA);
            has(event, field::EVENT_ACTION, "container-observed")
                && event.str(field::CONTAINER_ID) == expect.id.as_deref()
                && (metadata.is_none() || (excused && metadata == Some("unavailable")))
        };
        let event = started.sink.wait(&format!("{name} observed"), told);
        assert!(event.str(field::HOST_NAME).is_some() && event.str(field::EVENT_KIND) == Some("state"));
        let team = if expect.runtime == "podman" { "podman" } else { "ctr" };
        let labels: Vec<_> = event.keyed(field::CONTAINER_LABELS, "team").collect();
        if excused && labels.is_empty() {
            continue;
        }
        whole += 1;
        assert_eq!(event.str(field::CONTAINER_NAME), Some(name.as_str()));
        assert_eq!(event.str(field::CONTAINER_IMAGE_NAME), Some(IMAGE));
        assert_eq!(texts(&event, field::CONTAINER_IMAGE_TAG), ["1"]);
        let digests = texts(&event, field::CONTAINER_IMAGE_HASH_ALL);
        assert!(!digests.is_empty() && digests.iter().all(|digest| digest.starts_with("sha256:")), "{digests:?}");
        assert_eq!(labels, [Value::Text(team)], "{name} has {}", said(&event));
    }
    assert!(whole > 0, "no runtime told anything of any container");
}

pub(crate) fn a90_few() {
    rounds(2, 100);
}

pub(crate) fn a90_many() {
    rounds(75, 25);
}

pub(crate) fn a93_hanging() {
    let stand = Stand::new();
    let boxes = Boxes::start(stand.path("boxes"));
    let mut context = boxes.context();
    let silent = stand.path("silent.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&silent).unwrap();
    context.container.sockets = vec![Socket { kind: SocketKind::Podman, path: silent }];
    let started = stand.source_among(&[EXEC], context, Arc::new(Collect::only(wanted))).on();
    let name = "auditng-test-hanging";
    done(&mut boxes.podman_run(name, &[], &words(name, "100")));
    let expect =
        BTreeMap::from([(name.to_owned(), Expect { id: Some(boxes.podman_id(name)), runtime: "podman", count: 100 })]);
    Score::of(&all(&started, &expect), &expect).check(100);
    testkit::eventually("a counted timeout", PATIENCE, || {
        let figures = started.health.snapshot().figures;
        let name = "auditng_container_lookup_total{via=\"podman\",result=\"timeout\"}";
        (figures.get(name).copied().unwrap_or(0) > 0).then_some(())
    });
}

pub(crate) fn a94_users() {
    let stand = Stand::new();
    let boxes = Boxes::start(stand.path("boxes"));
    let started = stand.source_among(&[EXEC], boxes.context(), Arc::new(Collect::only(wanted))).on();
    let name = "auditng-test-users";
    let mut child = boxes.podman_run(name, &["--user", "1001"], &words(name, "100000")).spawn().unwrap();
    let named = |event: &Event| event.str(field::AUDITNG_CONTAINER_USER_NAME) == Some("appuser");
    let event = started.sink.wait("a name", named);
    assert_eq!(event.str(field::USER_ID), Some("1001"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_USER_ID), Some("1001"));
    assert_ne!(event.str(field::USER_NAME), Some("appuser"), "that is not the host's name");
    assert_eq!(event.str(field::AUDITNG_CONTAINER_USER_GROUP_NAME), Some("app"));
    let own = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let pid_ns = event.long(field::AUDITNG_CONTAINER_PID_NS).unwrap();
    assert_ne!(own.to_string_lossy(), format!("pid:[{pid_ns}]"));
    boxes.stop(name);
    child.wait().unwrap();
}

pub(crate) fn a95_trap() {
    let stand = Stand::new();
    let boxes = Boxes::start(stand.path("boxes"));
    let mut context = boxes.context();
    context.users.ttl = agent::config::Span(Duration::from_secs(1));
    let started = stand.source_among(&[EXEC], context, Arc::new(Collect::only(wanted))).on();
    let name = "auditng-test-trap";
    let trap = format!("/bin/busybox rm /etc/passwd; /bin/busybox mkfifo /etc/passwd; {LOOP}");
    let words = ["/bin/busybox", "sh", "-c", &trap, name, "100000"];
    let mut child = boxes.podman_run(name, &[], &words).spawn().unwrap();
    let figure = "auditng_container_lookup_total{via=\"users\",result=\"not-regular\"}";
    let refused = || started.health.snapshot().figures.get(figure).copied().unwrap_or(0) > 0;
    testkit::eventually("a refused file", PATIENCE, || refused().then_some(()));
    let before = started.sink.count(0, wanted);
    testkit::eventually("more events", PATIENCE, || (started.sink.count(0, wanted) > before).then_some(()));
    boxes.stop(name);
    child.wait().unwrap();
}
