use super::super::kernel::fake::{Fake, ME, OTHER, bytes, rule};
use super::*;
use crate::health::Health;

fn plan() -> Plan {
    Plan {
        values: Values {
            enabled: Some(1),
            backlog_limit: Some(65_536),
            backlog_wait_time: Some(0),
            ..Values::default()
        },
        first: vec![rule(9)],
        rules: vec![rule(1), rule(2)],
        ..Plan::default()
    }
}

struct Stand {
    fake: Fake,
    health: Health,
    folder: tempfile::TempDir,
}

fn found() -> Status {
    Status { failure: 1, backlog_limit: 64, backlog_wait_time: Some(15_000), ..Status::default() }
}

impl Stand {
    fn new() -> Self {
        let stand = Self { fake: Fake::default(), health: Health::default(), folder: tempfile::tempdir().unwrap() };
        stand.fake.0.borrow_mut().status = found();
        stand
    }

    fn control(&self, plan: Plan) -> Control<Fake> {
        let proc = self.folder.path().join("proc");
        std::fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
        std::fs::create_dir_all(proc.join(OTHER.to_string())).unwrap();
        std::fs::write(proc.join("sys/kernel/random/boot_id"), "boot\n").unwrap();
        let stat = format!("{OTHER} (auditd) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0");
        std::fs::write(proc.join(OTHER.to_string()).join("stat"), stat).unwrap();
        let file = StateFile::at(self.folder.path().join("audit.state"));
        Control::new(self.fake.clone(), plan, Proc::at(proc), ME, file, self.health.stage("kernel"))
    }

    fn status(&self) -> Status {
        self.fake.0.borrow().status
    }

    fn rules(&self) -> Vec<Vec<u8>> {
        self.fake.0.borrow().rules.clone()
    }

    fn lost(&self, reason: &str) -> u64 {
        self.health.stage("kernel").report().lost.get(reason).copied().unwrap_or(0)
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn end(control: &mut Control<Fake>) {
    control.remove_rules();
    control.restore_values();
    control.end();
}

#[test]
fn a_free_socket_is_owned_and_given_back_as_found() {
    let stand = Stand::new();
    let foreign = bytes(7);
    stand.fake.0.borrow_mut().rules.push(foreign.clone());
    let mut control = stand.control(plan());
    assert_eq!(control.begin(at(1)), &Mode::Unicast);
    assert_eq!(control.notes(), [""; 0]);
    let owned = Status {
        enabled: 1,
        pid: ME,
        failure: 1,
        backlog_limit: 65_536,
        backlog_wait_time: Some(0),
        ..Status::default()
    };
    assert_eq!(stand.status(), owned);
    assert_eq!(stand.rules(), [bytes(9), foreign.clone(), bytes(1), bytes(2)]);
    end(&mut control);
    assert_eq!((stand.status(), stand.rules()), (found(), vec![foreign]));
}

#[test]
fn recording_ends_before_the_rules_go_where_we_began_it() {
    let stand = Stand::new();
    let mut control = stand.control(plan());
    control.begin(at(1));
    assert!(control.switch_off());
    assert_eq!((stand.status().enabled, stand.rules().len()), (0, 3));
    end(&mut control);
    assert_eq!((stand.status(), stand.rules()), (found(), vec![]));

    stand.fake.0.borrow_mut().status.enabled = 1;
    let mut control = stand.control(plan());
    control.begin(at(9));
    assert!(!control.switch_off());
    end(&mut control);
    assert_eq!(stand.status(), Status { enabled: 1, ..found() });
}

#[test]
fn a_live_owner_is_left_alone_and_named() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().status.pid = OTHER;
    let mut control = stand.control(plan());
    assert_eq!(control.begin(at(1)), &Mode::Multicast { why: "auditd (pid 200) owns the audit socket".to_owned() });
    control.poll(at(2));
    end(&mut control);
    assert_eq!(stand.fake.0.borrow().changes, 0);
}

#[test]
fn a_dead_owner_that_the_kernel_still_names_is_replaced() {
    let stand = Stand::new();
    let gone = 300;
    stand.fake.0.borrow_mut().status.pid = gone;
    stand.fake.0.borrow_mut().dead = true;
    assert_eq!(stand.control(plan()).begin(at(1)), &Mode::Unicast);
    // Its pid has come back as a process that has nothing to do with audit.
    let proc = stand.folder.path().join("proc").join(gone.to_string());
    std::fs::create_dir_all(proc.join("fd")).unwrap();
    std::fs::create_dir_all(proc.join("net")).unwrap();
    std::fs::write(proc.join("stat"), format!("{gone} (sh) S 1 1 1")).unwrap();
    std::fs::write(proc.join("net/netlink"), "").unwrap();
    stand.fake.0.borrow_mut().status.pid = gone;
    assert_eq!(stand.control(plan()).begin(at(1)), &Mode::Unicast);
}

#[test]
fn who_insists_on_unicast_gets_nothing_from_a_live_owner() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().status.pid = OTHER;
    let mut control = stand.control(Plan { choice: Choice::Unicast, ..plan() });
    assert!(matches!(control.begin(at(1)), Mode::Off { .. }));
}

#[test]
fn the_socket_is_taken_when_the_owner_left() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().status.pid = OTHER;
    let mut control = stand.control(plan());
    control.begin(at(1));
    stand.fake.0.borrow_mut().status.pid = 0;
    assert!(matches!(control.poll(at(2)), Mode::Multicast { .. }));
    assert_eq!(control.poll(at(6)), &Mode::Unicast);
    end(&mut control);
    assert_eq!(stand.status(), found());
}

#[test]
fn without_the_capability_the_copy_is_read() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().denied = true;
    let mut control = stand.control(plan());
    let proc = stand.folder.path().join("proc/self");
    std::fs::create_dir_all(&proc).unwrap();
    std::fs::write(proc.join("status"), "CapEff:\t0000000000000000\n").unwrap();
    let Mode::Multicast { why } = control.begin(at(1)) else { panic!("{:?}", control.mode()) };
    assert!(why.contains("CAP_AUDIT_CONTROL"), "{why}");
}

#[test]
fn a_forgotten_registration_is_made_again_and_said() {
    let stand = Stand::new();
    let mut control = stand.control(plan());
    control.begin(at(1));
    control.poll(at(2));
    stand.fake.0.borrow_mut().status.pid = 0;
    assert_eq!(control.poll(at(3)), &Mode::Unicast);
    assert_eq!((stand.status().pid, stand.lost("forgotten")), (ME, 1));
    let loss = &stand.health.take_losses()[0];
    assert_eq!((loss.window_start, loss.window_end), (at(2), at(3)));
    end(&mut control);
    assert_eq!(stand.status(), found());
}

#[test]
fn a_socket_taken_meanwhile_is_not_taken_back() {
    let stand = Stand::new();
    let mut control = stand.control(plan());
    control.begin(at(1));
    stand.fake.0.borrow_mut().status.pid = OTHER;
    assert!(matches!(control.poll(at(2)), Mode::Multicast { .. }));
    assert_eq!((stand.status().pid, stand.lost("forgotten")), (OTHER, 1));
}

#[test]
fn no_loss_falls_between_two_looks() {
    let stand = Stand::new();
    let mut control = stand.control(plan());
    control.begin(at(1));
    let before = control.status().unwrap().lost;
    stand.fake.0.borrow_mut().losing = 7;
    (2..5).for_each(|second| drop(control.poll(at(second)).clone()));
    assert_eq!(stand.lost("kernel-lost"), u64::from(control.status().unwrap().lost - before));
}

#[test]
fn lost_is_counted_by_difference_over_its_wrap_and_not_over_a_reset() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().status.lost = u32::MAX - 1;
    let mut control = stand.control(plan());
    control.begin(at(1));
    stand.fake.0.borrow_mut().status.lost = 3;
    control.poll(at(2));
    assert_eq!(stand.lost("kernel-lost"), 5);
    stand.fake.0.borrow_mut().status.lost = 0;
    control.poll(at(3));
    assert_eq!(stand.lost("kernel-lost"), 5);
}

#[test]
fn a_successor_of_a_killed_one_restores_what_that_one_found() {
    let stand = Stand::new();
    let mut killed = stand.control(plan());
    killed.begin(at(1));
    killed.saw(77);
    drop(killed);
    stand.fake.0.borrow_mut().status.pid = 0;
    let mut next = stand.control(Plan { first: vec![rule(8)], rules: vec![rule(2), rule(3)], ..plan() });
    assert_eq!(next.begin(at(9)), &Mode::Unicast);
    assert_eq!(next.last_serial_before(), Some(77));
    assert_eq!(stand.rules(), [bytes(8), bytes(2), bytes(3)]);
    end(&mut next);
    assert_eq!((stand.status(), stand.rules()), (found(), vec![]));
}

#[test]
fn a_successor_that_may_not_own_does_not_touch_the_new_owners_kernel() {
    let stand = Stand::new();
    stand.control(plan()).begin(at(1));
    stand.fake.0.borrow_mut().status.pid = OTHER;
    let before = (stand.status(), stand.rules());
    let mut next = stand.control(plan());
    next.begin(at(9));
    end(&mut next);
    assert_eq!((stand.status(), stand.rules()), before);
}

#[test]
fn kept_rules_stay_and_are_still_ours_at_the_next_start() {
    let stand = Stand::new();
    let keep = Plan { keep_rules: true, ..plan() };
    let mut control = stand.control(keep);
    control.begin(at(1));
    end(&mut control);
    assert_eq!(stand.rules(), [bytes(1), bytes(2)]);
    let mut next = stand.control(Plan { rules: vec![rule(1)], ..plan() });
    next.begin(at(9));
    assert_eq!(stand.rules(), [bytes(9), bytes(1)]);
    end(&mut next);
    assert_eq!((stand.status(), stand.rules()), (found(), vec![]));
}

#[test]
fn a_second_load_changes_nothing() {
    let stand = Stand::new();
    let mut control = stand.control(plan());
    control.begin(at(1));
    let changes = stand.fake.0.borrow().changes;
    control.load_rules(false);
    assert_eq!(stand.fake.0.borrow().changes, changes);
}

#[test]
fn a_refused_rule_is_named_and_the_others_load() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().refused_rule = Some(bytes(1));
    let mut control = stand.control(plan());
    assert_eq!(control.begin(at(1)), &Mode::Unicast);
    assert_eq!(control.notes().len(), 1);
    assert!(control.notes()[0].contains("rule-1"), "{:?}", control.notes());
    assert_eq!(stand.rules(), [bytes(9), bytes(2)]);
}

#[test]
fn a_rule_waits_for_its_folder() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().absent_folder = Some(bytes(1));
    let mut control = stand.control(plan());
    control.begin(at(1));
    assert_eq!((control.notes(), control.waiting()), (&[][..], &[rule(1)][..]));
    control.poll(at(62));
    assert_eq!(control.waiting(), [rule(1)]);
    stand.fake.0.borrow_mut().absent_folder = None;
    control.poll(at(63));
    assert_eq!(control.waiting(), [rule(1)], "tried again only after a minute");
    control.poll(at(123));
    assert_eq!(control.waiting(), []);
    assert_eq!(stand.rules(), [bytes(9), bytes(2), bytes(1)]);
    end(&mut control);
    assert_eq!((stand.status(), stand.rules()), (found(), vec![]));
}

#[test]
fn somebody_elses_equal_rule_is_not_ours_to_delete() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().rules.push(bytes(1));
    let mut control = stand.control(plan());
    control.begin(at(1));
    end(&mut control);
    assert_eq!(stand.rules(), [bytes(1)]);
}

#[test]
fn who_wants_programs_to_wait_is_told_that_they_do_not() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().status.backlog_wait_time = Some(0);
    let values = Values { backlog_wait_time: None, ..plan().values };
    let block = || Plan { overload: Overload::Block, values, ..plan() };
    let mut control = stand.control(block());
    control.begin(at(1));
    assert!(control.notes()[0].contains("backlog_wait_time"), "{:?}", control.notes());
    end(&mut control);
    stand.fake.0.borrow_mut().status.backlog_wait_time = Some(15_000);
    let mut control = stand.control(block());
    control.begin(at(1));
    assert_eq!(control.notes(), [""; 0]);
}

#[test]
fn audit_that_somebody_switches_off_is_told_and_not_switched_on() {
    let stand = Stand::new();
    let mut control = stand.control(plan());
    control.begin(at(1));
    assert!(!control.is_switched_off());
    stand.fake.0.borrow_mut().status.enabled = 0;
    control.poll(at(2));
    assert!(control.is_switched_off());
    assert_eq!(stand.status().enabled, 0);
}

#[test]
fn a79_rules_are_locked_only_when_the_kernel_shows_those_wanted() {
    let stand = Stand::new();
    let lock = || Plan { lock: true, ..plan() };
    stand.fake.0.borrow_mut().refused_rule = Some(bytes(1));
    let mut control = stand.control(lock());
    control.begin(at(1));
    assert_eq!(stand.status().enabled, 1);
    assert!(control.notes().iter().any(|note| note.contains("not locked")), "{:?}", control.notes());
    end(&mut control);
    stand.fake.0.borrow_mut().refused_rule = None;
    let mut control = stand.control(lock());
    assert_eq!(control.begin(at(2)), &Mode::Unicast);
    assert_eq!((stand.status().enabled, control.notes()), (2, &[][..]));
    // Nothing can be put back, and nothing is tried.
    let changes = stand.fake.0.borrow().changes;
    end(&mut control);
    assert_eq!((stand.fake.0.borrow().changes, stand.rules().len()), (changes, 3));
    // The next start finds its rules: locked, and as wanted but for the exception of the process before.
    let mut next = stand.control(plan());
    next.begin(at(3));
    assert_eq!((next.notes(), next.mode()), (&[][..], &Mode::Unicast));
    let mut other = stand.control(Plan { rules: vec![rule(3)], ..plan() });
    other.begin(at(4));
    assert!(other.notes()[0].contains("reboot"), "{:?}", other.notes());
}

#[test]
fn a_locked_kernel_is_read_and_not_changed() {
    let stand = Stand::new();
    stand.fake.0.borrow_mut().status.enabled = 2;
    let mut control = stand.control(plan());
    assert_eq!(control.begin(at(1)), &Mode::Unicast);
    assert!(control.notes()[0].contains("locked"), "{:?}", control.notes());
    end(&mut control);
    assert_eq!(stand.status(), Status { enabled: 2, ..found() });
}

#[test]
fn rules_are_compared_as_the_kernel_gives_them_back() {
    let host = rule::Host::bare(audit::table::arch::X86_64);
    let report = rule::check("-w /etc/shadow -p wa -k identity-x", &host);
    let sent = rule::encode(report.rules().next().unwrap());
    let mut back = canonical(&sent);
    assert_ne!(back, sent, "the kernel expands the classes");
    back.extend(b"\0\0\0");
    assert_eq!(canonical(&back), canonical(&sent));
    assert_eq!(canonical(b"short"), b"short");
}
