//! Who may open a guarded file.

use std::process::Command;

use schema::field;

use crate::stand::{Stand, Started, is, word};

fn guarded(stand: &Stand, action: &str) -> Started {
    stand.file("key.pem", "secret\n");
    let policy = format!(
        "id = \"keys\"\npaths = [\"{}/key.pem\"]\nevents = [\"access\", \"modify\"]\nguard = \"hold\"\naction = \"{action}\"\nallow = [{{ exe = \"/usr/bin/head\" }}]\ngrey = [{{ exe = \"/usr/bin/tail\" }}]\n",
        stand.tree().display()
    );
    stand.start(stand.config_of(&[&policy])).on()
}

fn reads(program: &str, stand: &Stand) -> bool {
    Command::new(program).arg(stand.tree().join("key.pem")).output().unwrap().status.success()
}

fn access(started: &Started, word: &'static str) -> schema::Event {
    started.sink.wait(word, |event| is(event, field::AUDITNG_FIM_ACCESS, word))
}

pub(crate) fn f23_detect() {
    let stand = Stand::new();
    let started = guarded(&stand, "detect");
    assert!(reads("/usr/bin/head", &stand) && reads("/usr/bin/tail", &stand) && reads("/usr/bin/cat", &stand));
    let denied = access(&started, "denied");
    assert_eq!(word(&denied, field::PROCESS_EXECUTABLE), "/usr/bin/cat");
    assert_eq!(word(&denied, field::AUDITNG_FIM_WHO_CONFIDENCE), "certain");
    assert!(is(&denied, field::EVENT_KIND, "alert") && is(&denied, field::EVENT_OUTCOME, "success"));
    assert_eq!(word(&access(&started, "allowed"), field::PROCESS_EXECUTABLE), "/usr/bin/head");
    assert_eq!(word(&access(&started, "grey"), field::PROCESS_EXECUTABLE), "/usr/bin/tail");
}

pub(crate) fn f23_enforce() {
    let stand = Stand::new();
    let started = guarded(&stand, "enforce");
    assert!(reads("/usr/bin/head", &stand));
    assert!(!reads("/usr/bin/cat", &stand));
    let denied = access(&started, "denied");
    assert!(is(&denied, field::EVENT_OUTCOME, "failure"), "{}", denied.to_json());
    // A copy of the allowed program is another program.
    let copy = stand.path("head");
    std::fs::copy("/usr/bin/head", &copy).unwrap();
    Command::new("chmod").args(["755"]).arg(&copy).status().unwrap();
    assert!(!reads(&copy.to_string_lossy(), &stand));
    let copied = copy.to_string_lossy().into_owned();
    started.sink.wait("the copy", |event| {
        is(event, field::AUDITNG_FIM_ACCESS, "denied") && is(event, field::PROCESS_EXECUTABLE, &copied)
    });
}
