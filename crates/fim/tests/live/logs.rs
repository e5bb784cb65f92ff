//! Logs that grow, are rotated by the real logrotate, and are changed.

use fim::change::Action;
use fim::judge::Aids;
use fim::policy::Policy;

use crate::judged::Court;

fn logs(prepare: &str) -> Court {
    let rotation = vec!["/usr/sbin/logrotate".into()];
    Court::with(Policy { append_only: true, rotation, ..Policy::default() }, Aids::default(), prepare)
}

/// Rotates `x.log` now.
fn rotate(words: &str) -> String {
    format!(
        "printf '%s {{\\n rotate 3\\n su root root\\n missingok\\n {words}\\n}}\\n' \"$PWD/x.log\" > ../outside/conf
         chmod 644 ../outside/conf; chmod 755 . ..
         logrotate -f -s ../outside/state ../outside/conf"
    )
}

pub(crate) fn f34_logs() {
    let line = "date '+a line of a log at %N' >> x.log";
    for words in
        ["create 0640 root root", "copytruncate", "create\\n compress", "copytruncate\\n compress", "create\\n dateext"]
    {
        let mut court = logs(&format!("for n in 1 2 3; do {line}; done"));
        court.check(line, &[]);
        for _ in 0..2 {
            let told = court.after(&rotate(words));
            assert_eq!(court.lines(&told), [""; 0], "{words}");
            // As its program does: it goes on in the new file.
            court.check(line, &[]);
            if words.contains("dateext") {
                break;
            }
        }
        let changes = court.check("printf X | dd of=x.log bs=1 seek=3 conv=notrunc status=none", &["rewritten x.log"]);
        assert_eq!((changes[0].action, changes[0].offset), (Action::Rewritten, Some(0)));
        court.check(line, &[]);
    }
    // Nobody keeps what is cut off, and what is removed is told.
    let mut court = logs(&format!("{line}; {line}"));
    court.check(line, &[]);
    court.check(": > x.log", &["truncated x.log"]);
    court.check("rm x.log", &["deleted x.log"]);
    // An old byte in the third MiB.
    let mut court = logs("head -c 5000000 /dev/zero | tr '\\\\0' a > x.log");
    court.check("echo 1 >> x.log", &[]);
    let changes =
        court.check("printf X | dd of=x.log bs=1 seek=2500000 conv=notrunc status=none", &["rewritten x.log"]);
    assert_eq!(changes[0].offset, Some(2 << 20));
}
