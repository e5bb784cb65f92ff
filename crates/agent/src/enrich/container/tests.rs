use super::config::SocketKind;
use super::runtime::tests::{Fake, http, inspected, ping};
use super::*;
use schema::{Value, field};
use std::fs;
use std::time::Duration;

mod starved;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(20);

fn lines(id: &str, runtime: &str) -> Vec<u8> {
    format!("0::/system.slice/{runtime}-{id}.scope\n").into_bytes()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A `/proc` with nobody in it.
fn nobody() -> Proc {
    Proc::at("/nowhere")
}

impl Containers {
    fn sees(&mut self, lines: &[u8]) -> Place {
        self.place(1, &nobody(), lines)
    }

    fn said(&mut self, ms: i64) -> Vec<Event> {
        let mut late = Vec::new();
        self.tick(at(ms), &nobody(), &mut late);
        late
    }

    fn counted(&self, via: &str, result: &str) -> u64 {
        self.lookups().filter(|(v, r, _)| (*v, *r) == (via, result)).map(|(.., count)| count).sum()
    }
}

fn event(place: &Place) -> Event {
    let mut event = Event::new(at(0));
    place.apply(&mut event, false);
    event
}

#[test]
fn a_container_is_made_once_and_shared() {
    let mut containers = Containers::default();
    let (Place::Container(first), Place::Container(second)) =
        (containers.sees(&lines(ID, "docker")), containers.sees(&lines(ID, "docker")))
    else {
        panic!("a docker scope is a container")
    };
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn host_places_have_unit_and_path() {
    let event = event(&Containers::default().sees(b"0::/system.slice/ssh.service\n"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_SCOPE), Some("host"));
    assert_eq!(event.str(field::AUDITNG_SYSTEMD_UNIT), Some("ssh.service"));
    assert_eq!(event.str(field::AUDITNG_CGROUP_PATH), Some("/system.slice/ssh.service"));
}

#[test]
fn an_unknown_place_says_why() {
    let event = event(&Place::Unknown("pid-gone"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_REASON), Some("pid-gone"));
}

#[test]
fn the_number_of_containers_is_bounded() {
    let mut containers = Containers::default();
    let most = Config::default().cache;
    let _kept: Vec<Place> =
        (0..most + 3).map(|number| containers.sees(&lines(&format!("{number:064x}"), "docker"))).collect();
    assert_eq!((containers.len(), containers.evicted()), (most, 3));
}

#[test]
fn a_container_is_observed_once_and_ends_with_its_last_process() {
    let mut containers = Containers::default();
    let place = containers.sees(&lines(ID, "docker"));
    let said = containers.said(1_000);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].str(field::EVENT_KIND), Some("state"));
    assert_eq!(said[0].str(field::EVENT_ACTION), Some("container-observed"));
    assert_eq!(said[0].str(field::CONTAINER_ID), Some(ID));
    assert_eq!(said[0].stream(), schema::Stream::Audit);
    containers.sees(&lines(ID, "docker"));
    assert!(containers.said(5_000).is_empty());
    drop(place);
    let said = containers.said(10_000);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].str(field::EVENT_ACTION), Some("container-ended"));
    assert!(containers.is_empty() && containers.said(20_000).is_empty());
}

#[test]
fn a93_events_leave_at_once_and_the_answer_follows() {
    let fake = Fake::start(|line| Some(if line.contains("_ping") { ping() } else { http(200, "", &inspected(ID)) }));
    let mut containers = Containers::start(&fake.config(SocketKind::Podman), PATIENCE).unwrap();
    let place = containers.sees(&lines(ID, "libpod"));
    let first = event(&place);
    assert_eq!(first.str(field::AUDITNG_CONTAINER_METADATA), Some("pending"));
    assert_eq!((first.str(field::CONTAINER_ID), first.str(field::CONTAINER_NAME)), (Some(ID), None));
    let said = testkit::eventually("the answer", PATIENCE, || containers.said(1).pop());
    assert_eq!((said.str(field::CONTAINER_NAME), said.str(field::EVENT_PROVIDER)), (Some("web"), Some("podman")));
    assert_eq!(said.str(field::AUDITNG_CONTAINER_METADATA), None);
    let labels: Vec<_> = said.keyed(field::CONTAINER_LABELS, "team").collect();
    assert_eq!(labels, [Value::Text("a")]);
    assert_eq!(event(&place).str(field::CONTAINER_NAME), Some("web"));
    assert_eq!(containers.counted("podman", "found"), 1);
}

#[test]
fn a93_a_runtime_that_does_not_know_is_asked_again_after_five_seconds() {
    let fake = Fake::start(|line| Some(if line.contains("_ping") { ping() } else { http(404, "", "") }));
    let mut containers = Containers::start(&fake.config(SocketKind::Podman), PATIENCE).unwrap();
    let place = containers.sees(&lines(ID, "libpod"));
    let said = testkit::eventually("the first answer", PATIENCE, || containers.said(1_000).pop());
    assert_eq!(said.str(field::AUDITNG_CONTAINER_METADATA), Some("unavailable"));
    assert_eq!(event(&place).str(field::AUDITNG_CONTAINER_METADATA), Some("unavailable"));
    containers.said(5_999);
    containers.sees(&lines(ID, "libpod"));
    assert_eq!(containers.known[ID].ask, Ask::At(6_000));
    containers.said(6_000);
    containers.sees(&lines(ID, "libpod"));
    testkit::eventually("the second answer", PATIENCE, || {
        let said = containers.said(6_000);
        assert!(said.is_empty(), "told twice: {said:?}");
        (containers.counted("podman", "unknown") == 2).then_some(())
    });
}

#[test]
fn a93_a_hung_runtime_delays_no_event_and_a_full_queue_is_counted() {
    let fake = Fake::start(|_| None);
    let mut containers = Containers::start(&fake.config(SocketKind::Podman), PATIENCE).unwrap();
    let begin = std::time::Instant::now();
    let places: Vec<Place> =
        (0..2_000).map(|number| containers.sees(&lines(&format!("{number:064x}"), "libpod"))).collect();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(places.iter().all(|place| event(place).str(field::CONTAINER_RUNTIME) == Some("podman")));
    assert!(containers.counted("socket", "full") >= 900, "{:?}", containers.lookups);
    // Those that did not fit are asked about at their next sight.
    let (last, now) = (lines(&format!("{:064x}", 1_999), "libpod"), 1);
    testkit::eventually("room in the queue", PATIENCE, || {
        containers.said(now);
        containers.sees(&last);
        (containers.known[&format!("{:064x}", 1_999)].ask == Ask::Waiting).then_some(())
    });
}

#[test]
fn what_files_say_is_there_at_once_and_the_rest_is_added() {
    let fake = Fake::start(|line| Some(if line.contains("_ping") { ping() } else { http(200, "", &inspected(ID)) }));
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join(format!("var/lib/containers/storage/overlay-containers/{ID}/userdata"));
    fs::create_dir_all(&bundle).unwrap();
    let list = format!(r#"[{{"id":"{ID}","names":["by-file"]}}]"#);
    fs::write(bundle.parent().unwrap().parent().unwrap().join("containers.json"), list).unwrap();
    let config = Config { bundle_roots: config::Root::usual(folder.path()), ..fake.config(SocketKind::Podman) };
    let mut containers = Containers::start(&config, PATIENCE).unwrap();
    let place = containers.sees(&lines(ID, "libpod"));
    let first = event(&place);
    assert_eq!(first.str(field::CONTAINER_NAME), Some("by-file"));
    assert_eq!(first.str(field::AUDITNG_CONTAINER_METADATA), Some("pending"));
    let said = testkit::eventually("the answer", PATIENCE, || containers.said(1).pop());
    assert_eq!(
        (said.str(field::CONTAINER_NAME), said.str(field::CONTAINER_IMAGE_NAME)),
        (Some("by-file"), Some("app"))
    );
}

#[test]
fn ids_that_are_names_are_names() {
    let mut containers = Containers::default();
    let event = event(&containers.sees(b"0::/lxc.payload.web\n"));
    assert_eq!((event.str(field::CONTAINER_ID), event.str(field::CONTAINER_NAME)), (Some("web"), Some("web")));
}

/// A `/proc` in which process 7 is this one, in a container.
struct Inside {
    folder: tempfile::TempDir,
}

impl Inside {
    fn new(passwd: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["proc/7/ns", "root/etc"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("root"), at("proc/7/root")).unwrap();
        std::os::unix::fs::symlink("pid:[4026532999]", at("proc/7/ns/pid")).unwrap();
        fs::write(at("proc/7/cgroup"), lines(ID, "docker")).unwrap();
        fs::write(at("proc/7/uid_map"), "0 100000 65536\n").unwrap();
        fs::write(at("root/etc/passwd"), passwd).unwrap();
        Self { folder }
    }

    fn proc(&self) -> Proc {
        Proc::at(self.folder.path().join("proc"))
    }

    fn containers() -> Containers {
        let config = Config { sockets: Vec::new(), bundle_roots: Vec::new(), ..Config::default() };
        Containers::start(&config, Duration::from_secs(60)).unwrap()
    }
}

fn user_event(place: &Place, uid: &str) -> Event {
    let mut event = Event::new(at(0));
    event.push_str(field::USER_ID, uid);
    place.apply(&mut event, false);
    event
}

#[test]
fn a94_users_are_named_as_in_the_container() {
    let inside = Inside::new("root:x:0:0::/:\nappuser:x:1001:1001::/:\n");
    let mut containers = Inside::containers();
    let place = containers.place(7, &inside.proc(), &lines(ID, "docker"));
    testkit::eventually("names", PATIENCE, || {
        containers.said(1);
        (containers.counted("users", "found") == 1).then_some(())
    });
    let event = user_event(&place, "101001");
    assert_eq!(event.str(field::USER_ID), Some("101001"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_USER_ID), Some("1001"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_USER_NAME), Some("appuser"));
    assert_eq!(event.long(field::AUDITNG_CONTAINER_PID_NS), Some(4_026_532_999));
    // An id that the container does not have, and one that it has no name for.
    assert_eq!(user_event(&place, "1001").str(field::AUDITNG_CONTAINER_USER_ID), None);
    let nameless = user_event(&place, "100777");
    assert_eq!(nameless.str(field::AUDITNG_CONTAINER_USER_ID), Some("777"));
    assert_eq!(nameless.str(field::AUDITNG_CONTAINER_USER_NAME), None);
}

#[test]
fn a94_names_are_read_again_after_their_time() {
    let inside = Inside::new("appuser:x:1001:1001::/:\n");
    let (mut containers, proc) = (Inside::containers(), inside.proc());
    let place = containers.place(7, &proc, &lines(ID, "docker"));
    let read = |containers: &mut Containers, times: u64, ms: i64| {
        testkit::eventually("names", PATIENCE, || {
            containers.said(ms);
            (containers.counted("users", "found") == times).then_some(())
        });
    };
    read(&mut containers, 1, 1_000);
    fs::write(inside.folder.path().join("root/etc/passwd"), "renamed:x:1001:1001::/:\n").unwrap();
    containers.said(60_999);
    containers.place(7, &proc, &lines(ID, "docker"));
    assert_eq!(user_event(&place, "101001").str(field::AUDITNG_CONTAINER_USER_NAME), Some("appuser"));
    containers.said(61_000);
    containers.place(7, &proc, &lines(ID, "docker"));
    read(&mut containers, 2, 61_000);
    assert_eq!(user_event(&place, "101001").str(field::AUDITNG_CONTAINER_USER_NAME), Some("renamed"));
}

#[test]
fn a95_what_is_refused_is_counted_and_tried_again_after_ten_seconds() {
    let inside = Inside::new("");
    let passwd = inside.folder.path().join("root/etc/passwd");
    fs::remove_file(&passwd).unwrap();
    fs::create_dir(&passwd).unwrap();
    let mut containers = Inside::containers();
    let place = containers.place(7, &inside.proc(), &lines(ID, "docker"));
    testkit::eventually("a refusal", PATIENCE, || {
        containers.said(1_000);
        (containers.counted("users", "not-regular") == 1).then_some(())
    });
    assert_eq!(containers.known[ID].names, Some(11_000));
    let event = user_event(&place, "101001");
    assert_eq!(
        (event.str(field::AUDITNG_CONTAINER_USER_ID), event.str(field::AUDITNG_CONTAINER_USER_NAME)),
        (Some("1001"), None)
    );
}

#[test]
fn a94_our_own_root_is_no_containers() {
    let inside = Inside::new("");
    let root = inside.folder.path().join("proc/7/root");
    fs::remove_file(&root).unwrap();
    std::os::unix::fs::symlink("/", &root).unwrap();
    let mut containers = Inside::containers();
    let _place = containers.place(7, &inside.proc(), &lines(ID, "docker"));
    assert_eq!(containers.known[ID].names, Some(0));
}

#[test]
fn a94_a_pid_that_came_back_elsewhere_is_not_read() {
    let inside = Inside::new("wrong:x:1001:1001::/:\n");
    fs::write(inside.folder.path().join("proc/7/cgroup"), lines(&"f".repeat(64), "docker")).unwrap();
    let mut containers = Inside::containers();
    let _place = containers.place(7, &inside.proc(), &lines(ID, "docker"));
    assert_eq!(containers.known[ID].names, Some(0));
}

#[test]
fn a94_all_names_together_are_bounded() {
    let users: String = (0..9_000).map(|id| format!("u{id}:x:{id}:\n")).collect();
    let inside = Inside::new(&users);
    let (mut containers, proc) = (Inside::containers(), inside.proc());
    let mut places = Vec::new();
    for (times, id) in [ID.to_owned(), "f".repeat(64)].iter().enumerate() {
        fs::write(inside.folder.path().join("proc/7/cgroup"), lines(id, "docker")).unwrap();
        places.push(containers.place(7, &proc, &lines(id, "docker")));
        testkit::eventually("names", PATIENCE, || {
            containers.said(1_000);
            (containers.counted("users", "found") == times as u64 + 1).then_some(())
        });
    }
    let name = |place: &Place| user_event(place, "100007").str(field::AUDITNG_CONTAINER_USER_NAME).map(str::to_owned);
    assert_eq!((name(&places[0]), name(&places[1]), containers.evicted()), (None, Some("u7".to_owned()), 1));
}
