//! Kernel audit records beside the collectors, and instead of them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use agent::clock::Clock;
use agent::enrich::{self, Context};
use agent::health::{Health, State};
use agent::intake::{Running, Sink, Source};
use agent::source::audit::kernel::{Kernel as _, Live};
use agent::source::audit::{self, Audit, Rules};
use agent::source::fim::{Fim, Witness};
use agent::sys::proc::Proc;
use fim::config::{Config, Mode};
use schema::field;

use crate::stand::{Collect, PATIENCE, Stand, at, is, sh, word};

/// Both sources over one context, as an agent runs them.
struct Both {
    sink: Arc<Collect>,
    running: Vec<Running>,
}

impl Both {
    fn start(stand: &Stand, config: Config, rules: &str) -> Self {
        let file = stand.path("test.rules");
        fs::write(&file, rules).unwrap();
        let (clock, health) = (Clock::system(), Arc::new(Health::default()));
        let context = Context::new(Proc::default(), clock.clone(), &enrich::Config::default(), None, &health).unwrap();
        let (witness, sink) = (Arc::new(Witness::default()), Arc::new(Collect::default()));
        let rules = Rules { files: vec![file], ..Rules::default() };
        let audit = Audit::new(audit::Config::default(), rules, stand.path("audit.state"), clock.clone());
        let audit = audit.sharing(context.clone()).telling(Arc::clone(&witness));
        let fim = Fim::new(config, context, "test-agent", clock).hearing(witness);
        let to = || (Arc::clone(&sink) as Arc<dyn Sink>, Arc::clone(&health));
        let start = |source: Box<dyn Source>| source.start(to().0, to().1);
        let running = vec![start(Box::new(audit)), start(Box::new(fim))];
        let report = health.source("audit").report();
        assert_eq!((report.state, report.reason.as_str()), (State::On, ""));
        sink.wait("the first scan", |event| is(event, field::EVENT_ACTION, "fim-scan"));
        Self { sink, running }
    }

    fn of(&self, path: &Path) -> Vec<schema::Event> {
        self.sink.changes().into_iter().filter(|event| at(event, path)).collect()
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        for running in self.running.drain(..).rev() {
            let stopped = running.stop().join(std::time::Instant::now() + PATIENCE);
            assert!(stopped || std::thread::panicking(), "a source does not stop");
        }
    }
}

/// Why there can be no audit here.
pub(crate) fn missing() -> Option<String> {
    let Ok(Ok(status)) = Live::open(None).map(|mut kernel| kernel.status()) else {
        return Some("this kernel has no audit".to_owned());
    };
    (status.pid != 0).then(|| format!("{} owns the audit socket", Proc::default().describe(status.pid)))
}

pub(crate) fn f49_merged() {
    let stand = Stand::new();
    let path = stand.file("x", "old\n");
    let rule = format!("-w {} -p wa -k auditng-test-merged\n", stand.tree().display());
    let both = Both::start(&stand, stand.config(), &rule);
    // The first record takes a moment longer, and tells that records come at all.
    sh(&format!("echo x >{}", stand.tree().join("first").display()));
    both.sink.wait("the first record", |event| is(event, field::TAGS, "auditng-test-merged"));
    sh(&format!("echo 4711 >/proc/self/loginuid; echo new >>{}", path.display()));
    let event = both.sink.wait("the change", |event| is(event, field::EVENT_ACTION, "updated") && at(event, &path));
    assert_eq!(both.of(&path).len(), 1, "one change");
    let confidence = word(&event, field::AUDITNG_FIM_WHO_CONFIDENCE);
    assert!(["merged", "strong", "certain"].contains(&confidence.as_str()), "{}", event.to_json());
    assert_eq!(word(&event, field::AUDITD_USER_AUDIT_ID), "4711", "{}", event.to_json());
    assert_eq!(word(&event, field::AUDITNG_FIM_SOURCE), "fanotify");
}

pub(crate) fn f50_audit_alone() {
    let stand = Stand::new();
    let path = stand.file("passwd", "root\n");
    let policy = format!("id = \"auditng-test-identity\"\npaths = [\"{}\"]\nseverity = \"critical\"\n", path.display());
    let config = Config { mode: Mode::Audit, ..stand.config_of(&[&policy]) };
    let rule = format!("-w {} -p wa -k auditng-test-identity\n", path.display());
    let both = Both::start(&stand, config, &rule);
    // Opened for writing, nothing written.
    sh(&format!(": >>{}", path.display()));
    both.sink.wait("its record", |event| is(event, field::TAGS, "auditng-test-identity"));
    sh(&format!("cd {} && echo ada >passwd+ && mv passwd+ passwd", stand.tree().display()));
    let event = both.sink.wait("the change", |event| is(event, field::EVENT_ACTION, "replaced") && at(event, &path));
    assert_eq!(both.of(&path).len(), 1, "nothing else");
    assert!(word(&event, field::PROCESS_EXECUTABLE).ends_with("/mv"), "{}", event.to_json());
    assert_eq!(word(&event, field::AUDITNG_FIM_SOURCE), "audit");
    assert!(is(&event, field::EVENT_KIND, "alert"));
}

pub(crate) fn f52_dropped_rule() {
    let stand = Stand::new();
    let path = stand.file("d/passwd", "root\n");
    let policy = format!("id = \"auditng-test-identity\"\npaths = [\"{}\"]\nseverity = \"critical\"\n", path.display());
    let config = Config { mode: Mode::Audit, ..stand.config_of(&[&policy]) };
    let rule = format!("-w {} -p wa -k auditng-test-identity\n", path.display());
    let both = Both::start(&stand, config, &rule);
    let loaded = || {
        let listed = Command::new("auditctl").arg("-l").output().unwrap();
        String::from_utf8_lossy(&listed.stdout).contains("auditng-test-identity")
    };
    assert!(loaded());
    sh(&format!("cd {} && mv d away && mkdir d", stand.tree().display()));
    let blind =
        |event: &schema::Event| is(event, field::EVENT_ACTION, "fim-coverage") && is(event, field::EVENT_KIND, "alert");
    let event = both.sink.wait("an alert", blind);
    assert!(at_root(&event, &path), "{}", event.to_json());
    both.sink.wait("the scan", |event| is(event, field::AUDITNG_FIM_SCAN_KIND, "targeted"));
    testkit::eventually("the rule is back", PATIENCE, || loaded().then_some(()));
}

fn at_root(event: &schema::Event, path: &Path) -> bool {
    is(event, field::AUDITNG_FIM_ROOT, &path.to_string_lossy())
}
