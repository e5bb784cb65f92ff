//! A real package, built here, installed and upgraded by the real dpkg in a root of its own.

use std::sync::Arc;

use fim::change::Change;
use fim::judge::{Aids, Judge, Limits};
use fim::policy::Policy;
use fim::provenance::Dpkg;
use testkit::Deadline;

use crate::judged::Court;
use crate::stand::{PATIENCE, shell};

/// Builds a package of this version beside the watched folder, and a root with an empty database in it.
const BUILD: &str = r#"
for v in 1 2; do
    mkdir -p ../outside/$v/DEBIAN ../outside/$v/usr/bin ../outside/$v/usr/share/auditng-test ../outside/$v/etc
    printf 'Package: auditng-test\nVersion: %s.0-1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n' $v \
        > ../outside/$v/DEBIAN/control
    echo "tool $v" > ../outside/$v/usr/bin/auditng-test-tool
    chmod 755 ../outside/$v/usr/bin/auditng-test-tool
    for n in 1 2 3; do echo "data $n of $v" > ../outside/$v/usr/share/auditng-test/$n; done
    ln -s 1 ../outside/$v/usr/share/auditng-test/link
    (cd ../outside/$v; find usr -type f -exec md5sum {} + > DEBIAN/md5sums)
    dpkg-deb --root-owner-group -b ../outside/$v ../outside/$v.deb > /dev/null
done
mkdir -p var/lib/dpkg/info var/lib/dpkg/updates
: > var/lib/dpkg/status; : > var/lib/dpkg/available
"#;

fn install(version: u32) -> String {
    format!("dpkg --root=\"$PWD\" --force-bad-path --no-triggers -i ../outside/{version}.deb > /dev/null 2>&1")
}

/// Rounds until this many changes of the package's own files are told.
fn told(court: &mut Court, enough: impl Fn(&[Change]) -> bool) -> Vec<Change> {
    let usr = court.stand.watched().join("usr");
    let deadline = Deadline::after(PATIENCE);
    let mut changes = Vec::new();
    while !enough(&changes) || court.judge.pending() > 0 {
        assert!(!deadline.passed(), "told: {changes:#?}, {:?}", court.judge.counters());
        court.round(&mut changes);
        changes.retain(|change| change.provenance.is_some() || change.path.starts_with(&usr));
    }
    changes
}

pub(crate) fn f35_upgrade() {
    let mut court = Court::with(Policy::default(), Aids::default(), BUILD);
    let root = court.stand.watched();
    let judge = std::mem::replace(&mut court.judge, Judge::new(Arc::default(), Limits::default()));
    court.judge = judge.with(Aids { packages: Some(Box::new(Dpkg::open(&root).unwrap())), ..Aids::default() });
    court.settled();
    let grouped = |changes: &[Change]| changes.iter().any(|change| change.provenance.is_some());
    for version in [1, 2] {
        shell(&root, &install(version));
        let changes = told(&mut court, grouped);
        let group = changes.iter().find(|change| change.provenance.is_some()).unwrap();
        let provenance = group.provenance.as_ref().unwrap();
        assert_eq!((provenance.by, &*provenance.packages), ("dpkg", &["auditng-test".to_owned()][..]));
        assert_eq!(provenance.versions, [format!("{version}.0-1")]);
        // The tool and three files at least; at an upgrade each of them is `replaced`.
        assert!(group.count >= 4, "{group:#?}");
        let alone: Vec<String> =
            court.lines(&changes.iter().filter(|change| change.provenance.is_none()).cloned().collect::<Vec<_>>());
        assert_eq!(alone, [""; 0], "version {version}");
    }
    court.check("echo evil >> usr/bin/auditng-test-tool", &["updated usr/bin/auditng-test-tool"]);
}
