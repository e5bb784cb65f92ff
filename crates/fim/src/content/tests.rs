//! Differences of real files, and that no secret stays anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Store, Texts};
use crate::change::Diff;
use crate::entry::Entry;
use crate::look::{Live, Look, Looked, Wanted};
use crate::policy::DiffRule;

struct Stand {
    folder: tempfile::TempDir,
    store: Store,
    rule: DiffRule,
}

impl Stand {
    fn new(quota: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        let store = Store::open(&folder.path().join("content"), quota).unwrap();
        let rule =
            DiffRule { max_file: 1 << 20, max_diff: 16 << 10, private: false, never: crate::policy::Globs::default() };
        Self { folder, store, rule }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("files").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Entry {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        look(&path)
    }

    fn change(&mut self, name: &str, old: &[u8], new: &[u8]) -> Diff {
        let before = self.write(name, old);
        self.store.keep(&self.path(name), &before, &self.rule);
        let after = self.write(name, new);
        self.store.difference(&self.path(name), &before, &after, &self.rule)
    }

    /// All bytes of all kept texts.
    fn kept(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for file in fs::read_dir(self.folder.path().join("content")).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap() != "key" {
                all.extend(zstd::decode_all(&*fs::read(path).unwrap()).unwrap());
            }
        }
        all
    }
}

fn look(path: &Path) -> Entry {
    match Live::default().look(path, &Wanted::default(), None) {
        Looked::Entry(entry) => entry,
        other => panic!("{other:?}"),
    }
}

fn unified(diff: Diff) -> String {
    match diff {
        Diff::Text { unified, .. } => unified,
        Diff::Missing(why) => panic!("{why}"),
    }
}

const SECRETS: &str = "user=bob\npassword=hunter2hunter2\nurl=http://bob:s3cr3tpw@host/\n\
                       -----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKC\n-----END PRIVATE KEY-----\nport=1\n";

#[test]
fn f47_no_secret_stays_and_changed_or_not_shows() {
    let mut stand = Stand::new(1 << 20);
    let new = SECRETS.replace("hunter2hunter2", "correcthorse").replace("port=1", "port=2");
    let shown = unified(stand.change("a.conf", SECRETS.as_bytes(), new.as_bytes()));
    let expected = "@@ -1,7 +1,7 @@\n user=bob\n-password=<redacted 1>\n+password=<redacted 4>\n url=http://<redacted 2>@host/\n \
                    -----BEGIN PRIVATE KEY-----\n <redacted 3>\n -----END PRIVATE KEY-----\n-port=1\n+port=2\n";
    assert_eq!(shown, expected);
    let kept = String::from_utf8_lossy(&stand.kept()).into_owned();
    for secret in ["hunter2", "correcthorse", "s3cr3tpw", "MIIEpAIBAAKC"] {
        assert!(!kept.contains(secret) && !shown.contains(secret), "{secret}");
    }
}

#[test]
fn every_missing_difference_says_why() {
    let mut stand = Stand::new(1 << 20);
    assert_eq!(stand.change("a", b"a\0b", b"a\0c"), Diff::Missing("binary"));
    assert_eq!(stand.change("server.pem", b"a", b"b"), Diff::Missing("denied"));
    assert_eq!(stand.change("b", b"a", &vec![b'a'; (1 << 20) + 1]), Diff::Missing("too-large"));
    let (before, after) = (stand.write("c", b"1"), stand.write("c", b"2"));
    assert_eq!(stand.store.difference(&stand.path("c"), &before, &after, &stand.rule), Diff::Missing("no-previous"));
    // Somebody wrote again since it was looked at.
    stand.write("c", b"3");
    assert_eq!(stand.store.difference(&stand.path("c"), &before, &after, &stand.rule), Diff::Missing("changed"));
    fs::remove_file(stand.path("c")).unwrap();
    assert_eq!(stand.store.difference(&stand.path("c"), &before, &after, &stand.rule), Diff::Missing("unreadable"));
    let before = stand.write("d", b"1");
    fs::set_permissions(stand.path("d"), fs::Permissions::from_mode(0o600)).unwrap();
    let after = look(&stand.path("d"));
    assert_eq!(stand.store.difference(&stand.path("d"), &before, &after, &stand.rule), Diff::Missing("denied"));
}

#[test]
fn a_text_of_another_time_is_not_compared() {
    let mut stand = Stand::new(1 << 20);
    let first = stand.write("a", b"1");
    stand.store.keep(&stand.path("a"), &first, &stand.rule);
    let (second, third) = (stand.write("a", b"22"), stand.write("a", b"333"));
    assert_eq!(stand.store.difference(&stand.path("a"), &second, &third, &stand.rule), Diff::Missing("no-previous"));
}

#[test]
fn f48_beyond_the_quota_the_reason_is_told() {
    let mut stand = Stand::new(400);
    let text =
        |seed: u32| (0..40).map(|n: u32| format!("{:08x}\n", n.wrapping_mul(2_654_435_761) ^ seed)).collect::<String>();
    let before = stand.write("a", text(1).as_bytes());
    stand.store.keep(&stand.path("a"), &before, &stand.rule);
    assert_eq!(stand.store.len(), 1);
    let other = stand.write("b", text(2).as_bytes());
    stand.store.keep(&stand.path("b"), &other, &stand.rule);
    assert!(stand.store.used() <= 400);
    let after = stand.write("a", text(3).as_bytes());
    assert_eq!(stand.store.difference(&stand.path("a"), &before, &after, &stand.rule), Diff::Missing("quota"));
    // One that alone is beyond it.
    let long: String = (0..40).map(text).collect();
    assert!(matches!(stand.change("c", b"1", long.as_bytes()), Diff::Text { .. }));
    let (before, after) = (look(&stand.path("c")), stand.write("c", b"2"));
    assert_eq!(stand.store.difference(&stand.path("c"), &before, &after, &stand.rule), Diff::Missing("quota"));
}

#[test]
fn texts_survive_a_start_and_a_move_and_are_for_root_alone() {
    let mut stand = Stand::new(1 << 20);
    let before = stand.write("a", b"1\n");
    stand.store.keep(&stand.path("a"), &before, &stand.rule);
    stand.store.moved(&stand.path("a"), &stand.path("b"));
    stand.store = Store::open(&stand.folder.path().join("content"), 1 << 20).unwrap();
    for file in fs::read_dir(stand.folder.path().join("content")).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::rename(stand.path("a"), stand.path("b")).unwrap();
    let after = stand.write("b", b"2\n");
    let diff = stand.store.difference(&stand.path("b"), &before, &after, &stand.rule);
    assert_eq!(unified(diff), "@@ -1 +1 @@\n-1\n+2\n");
    stand.store.forget(&stand.path("b"));
    assert!(stand.store.is_empty());
}

#[test]
fn a_long_difference_is_cut_at_a_line() {
    let mut stand = Stand::new(1 << 20);
    stand.rule.max_diff = 100;
    let (old, new): (String, String) = (0..100).map(|n| (format!("{n}\n"), format!("x{n}\n"))).unzip();
    let Diff::Text { unified, truncated } = stand.change("a", old.as_bytes(), new.as_bytes()) else { panic!() };
    assert!(truncated && unified.len() <= 100 && unified.ends_with('\n'));
}

/// A secret as programs make them, and a line around it whose form says that it is one.
fn planted() -> impl Strategy<Value = (String, String)> {
    let word = "[a-zA-Z0-9!%&*+,./:;<=>?^_|~-]{10,20}".prop_filter("not markup", |word| !word.contains('<'));
    let named = (
        prop::sample::select(vec![
            "password",
            "DB_PASSWD",
            "client.secret",
            "apiKey",
            "api_key",
            "auth-token",
            "private_key",
            "credentials",
        ]),
        prop::sample::select(vec![" = ", "=", ": ", ":", " ", "\t=\t", " => "]),
        prop::sample::select(vec!["", "\"", "'"]),
        word,
    )
        .prop_map(|(name, between, quote, secret)| (format!("{name}{between}{quote}{secret}{quote}"), secret));
    let element = "[a-zA-Z0-9]{10,20}".prop_map(|secret| (format!("<password>{secret}</password>"), secret));
    let url = "[a-zA-Z0-9!$%&*+,;=_.~-]{10,20}"
        .prop_map(|secret| (format!("url https://user:{secret}@example.org/x"), secret));
    let hex = "[0-9a-f]{32,64}".prop_map(|secret| (format!("sum {secret} x"), secret));
    let base64 = "[A-Za-z0-9+/]{40,64}".prop_map(|secret| (format!("data {secret}"), secret));
    let pem = "[A-Za-z0-9+/]{16,20}\n[A-Za-z0-9+/]{16,20}"
        .prop_map(|secret| (format!("-----BEGIN EC PRIVATE KEY-----\n{secret}\n-----END EC PRIVATE KEY-----"), secret));
    let block = "[a-z]{10,20}\n  [a-z]{10,20}".prop_map(|secret| (format!("token: |\n  {secret}"), secret));
    prop_oneof![named, element, url, hex, base64, pem, block]
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,40}", "[a-z]{1,8} = [a-z0-9]{1,8}", Just(String::new()), "\\PC{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f47_no_planted_secret_survives(
        lines in prop::collection::vec(line(), 0..6),
        (first, old_secret) in planted(),
        (second, new_secret) in planted(),
        more in prop::collection::vec(line(), 0..6),
    ) {
        let mut stand = Stand::new(1 << 20);
        let text = |secret: &str| [&lines[..], &[secret.to_owned()], &more[..]].concat().join("\n");
        let diff = stand.change("x.conf", text(&first).as_bytes(), text(&second).as_bytes());
        let shown = if let Diff::Text { unified, .. } = diff { unified } else { String::new() };
        let kept = String::from_utf8_lossy(&stand.kept()).into_owned();
        for secret in [&old_secret, &new_secret] {
            for part in secret.split('\n').map(str::trim) {
                prop_assert!(!shown.contains(part), "{part:?} in {shown:?}");
                prop_assert!(!kept.contains(part), "{part:?} in {kept:?}");
            }
        }
    }

    #[test]
    fn any_bytes_are_text_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(text) = super::text(&bytes) {
            let redacted = super::redact::Redacted::of(&text, &[1; 32]);
            prop_assert_eq!(super::redact::Redacted::read(&redacted.stored()), Some(redacted));
        }
    }
}
