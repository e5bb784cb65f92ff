//! `auditng fim` without an agent: what it finds, how it ends, and what it does not believe.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;

use crate::program::{Ran, auditng, run};

/// A tree and a folder for its baseline.
struct Stand {
    tree: PathBuf,
    state: PathBuf,
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tree, state) = (folder.path().join("tree"), folder.path().join("state"));
        fs::create_dir_all(tree.join("sub")).unwrap();
        fs::write(tree.join("one"), "1").unwrap();
        fs::write(tree.join("sub/two"), "2").unwrap();
        Self { tree, state, folder }
    }

    /// With a baseline of the tree.
    fn with_baseline() -> Self {
        let stand = Self::new();
        let ran = stand.fim(["baseline", stand.tree.to_str().unwrap(), "--reason", "first"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        stand
    }

    fn fim<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        let arguments = ["fim"].into_iter().chain(arguments).map(OsStr::new);
        run(arguments.chain([OsStr::new("--state-dir"), self.state.as_os_str()]))
    }

    fn scan(&self) -> Vec<Json> {
        let ran = self.fim(["scan", "--format", "json"]);
        let answer: Json = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
        let found = answer["found"].as_array().unwrap().clone();
        assert_eq!(ran.code, Some(i32::from(!found.is_empty())), "{}{}", ran.out, ran.err);
        found
    }

    fn db(&self) -> PathBuf {
        self.state.join("baseline.redb")
    }
}

fn actions(found: &[Json]) -> Vec<(String, &str)> {
    let name =
        |one: &Json| Path::new(one["path"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
    found.iter().map(|one| (name(one), one["action"].as_str().unwrap())).collect()
}

#[test]
fn f57_nothing_touched_is_0_one_byte_is_1_approved_is_0() {
    let stand = Stand::with_baseline();
    assert_eq!(stand.scan(), [] as [Json; 0]);
    fs::write(stand.tree.join("sub/two"), "3").unwrap();
    let found = stand.scan();
    assert_eq!(actions(&found), [("two".to_owned(), "updated")]);
    let changed: Vec<&str> =
        found[0]["changed"].as_array().unwrap().iter().map(|part| part["attribute"].as_str().unwrap()).collect();
    assert!(changed.contains(&"sha256") && changed.contains(&"blake3"), "{changed:?}");
    assert_eq!(stand.scan(), found, "a scan without an agent moves nothing on");
    let ran = stand.fim(["baseline"]);
    assert_eq!(ran.code, Some(1), "it exists and differs: {}{}", ran.out, ran.err);
    let ran = stand.fim(["baseline", "--update", "--reason", "ticket 4711"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(stand.scan(), [] as [Json; 0]);
    assert_eq!(stand.fim(["baseline"]).code, Some(0), "nothing to do");
    let list: Json = serde_json::from_str(&stand.fim(["baseline", "--list", "--format", "json"]).out).unwrap();
    let generations = list["generations"].as_array().unwrap();
    assert_eq!(generations.len(), 2);
    assert_eq!(generations[1]["seal"]["reason"], "ticket 4711");
    assert_eq!(generations[1]["seal"]["previous"], generations[0]["seal"]["root"]);
}

#[test]
fn f21_what_changed_while_nobody_watched_is_found_with_before_and_after() {
    let stand = Stand::with_baseline();
    fs::write(stand.tree.join("new"), "new").unwrap();
    fs::set_permissions(stand.tree.join("one"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::write(stand.tree.join("sub/.two.tmp"), "2").unwrap();
    fs::rename(stand.tree.join("sub/.two.tmp"), stand.tree.join("sub/two")).unwrap();
    let found = stand.scan();
    assert_eq!(
        actions(&found),
        [("new".into(), "created"), ("one".into(), "attributes_modified"), ("two".into(), "replaced")]
    );
    let mode = found[1]["changed"].as_array().unwrap().iter().find(|part| part["attribute"] == "mode").unwrap();
    assert_eq!((mode["before"].as_str(), mode["after"].as_str()), (Some("0644"), Some("4755")));
    fs::remove_file(stand.tree.join("new")).unwrap();
    fs::remove_dir_all(stand.tree.join("sub")).unwrap();
    let found = stand.scan();
    assert_eq!(
        actions(&found),
        [("one".into(), "attributes_modified"), ("sub".into(), "deleted"), ("two".into(), "deleted")]
    );
    // Approved in part.
    let one = stand.tree.join("one");
    assert_eq!(stand.fim(["baseline", "--update", one.to_str().unwrap()]).code, Some(0));
    assert_eq!(actions(&stand.scan()), [("sub".into(), "deleted"), ("two".into(), "deleted")]);
    let only = stand.fim(["scan", "--path", one.to_str().unwrap()]);
    assert_eq!(only.code, Some(0), "{}{}", only.out, only.err);
}

#[test]
fn f13_a_restored_size_and_time_is_found_by_the_metadata_alone() {
    let stand = Stand::with_baseline();
    let one = stand.tree.join("one");
    let before = fs::metadata(&one).unwrap().modified().unwrap();
    fs::write(&one, "X").unwrap();
    fs::File::options().write(true).open(&one).unwrap().set_modified(before).unwrap();
    let ran = stand.fim(["scan", "--meta"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("updated") && ran.out.contains("blake3"), "{}", ran.out);
    assert!(!ran.out.contains("mtime"), "{}", ran.out);
}

#[test]
fn f22_a_byte_edited_is_refused_and_told() {
    let stand = Stand::with_baseline();
    let whole = fs::read(stand.db()).unwrap();
    // Somewhere in the tree: the path of a file is stored as it is.
    let at = whole.windows(5).position(|bytes| bytes == b"\x03two\x01" || bytes == b"\x03one\x01").unwrap();
    let mut edited = whole.clone();
    edited[at + 12] ^= 1;
    fs::write(stand.db(), &edited).unwrap();
    let ran = stand.fim(["scan"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("fails its check"), "{}", ran.err);
    assert!(!ran.out.contains("scan:"), "nothing was scanned: {}", ran.out);
    let ran = stand.fim(["verify"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("FAILED"), "{}", ran.out);
    let ran = stand.fim(["baseline"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    // Set aside for whoever asks for a new one, never overwritten.
    let ran = stand.fim(["baseline", "--update", stand.tree.to_str().unwrap(), "--reason", "after the attack"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let kept = fs::read_dir(&stand.state).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.to_string_lossy().contains("refused")).collect::<Vec<_>>();
    assert_eq!(kept.len(), 1);
    assert_eq!(stand.fim(["verify"]).code, Some(0));
    let list = stand.fim(["baseline", "--list"]);
    assert!(list.out.contains("\n2 "), "the numbers go on: {}", list.out);
}

#[test]
fn f22_an_older_one_put_back_is_found_by_the_counter() {
    let stand = Stand::with_baseline();
    let older = stand.folder.path().join("older");
    fs::copy(stand.db(), &older).unwrap();
    fs::write(stand.tree.join("one"), "approved").unwrap();
    assert_eq!(stand.fim(["baseline", "--update"]).code, Some(0));
    assert_eq!(stand.fim(["verify"]).code, Some(0));
    fs::copy(&older, stand.db()).unwrap();
    let ran = stand.fim(["verify"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("FAILED rolled-back"), "{}", ran.out);
    let ran = stand.fim(["scan"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("older one put back"), "{}", ran.err);
    // And a baseline that was simply taken away.
    fs::remove_file(stand.db()).unwrap();
    assert_eq!(stand.fim(["scan"]).code, Some(3));
    assert_eq!(stand.fim(["verify"]).code, Some(3));
    let ran = stand.fim(["baseline", stand.tree.to_str().unwrap()]);
    assert_eq!(ran.code, Some(3), "it is not quietly made anew: {}{}", ran.out, ran.err);
}

#[test]
fn verify_takes_a_root_that_was_noted_elsewhere() {
    let stand = Stand::with_baseline();
    let answer: Json = serde_json::from_str(&stand.fim(["verify", "--format", "json"]).out).unwrap();
    let root = answer["verification"]["generation"]["seal"]["root"].as_str().unwrap().to_owned();
    assert_eq!(stand.fim(["verify", "--expect-root", &root]).code, Some(0));
    assert_eq!(stand.fim(["verify", "--expect-root", &root, "--generation", "1"]).code, Some(0));
    assert_eq!(stand.fim(["verify", "--expect-root", &"ab".repeat(32)]).code, Some(1));
    assert_eq!(stand.fim(["verify", "--expect-root", "ab"]).code, Some(2));
    assert_eq!(stand.fim(["verify", "--generation", "7"]).code, Some(3));
}

#[test]
fn f36_hostile_names_come_back_from_db_and_json_and_reach_no_terminal() {
    let stand = Stand::new();
    let long = "n".repeat(255);
    let names: [&[u8]; 5] =
        [b"a\nb", b"\x1b[31mred\x1b]0;title\x07", b"\xff\xfe", long.as_bytes(), "\u{202e}txt".as_bytes()];
    for name in names {
        fs::write(stand.tree.join(OsStr::from_bytes(name)), "x").unwrap();
    }
    assert_eq!(stand.fim(["baseline", stand.tree.to_str().unwrap()]).code, Some(0));
    let export = stand.fim(["baseline", "--export", "-"]);
    assert_eq!(export.code, Some(0), "{}", export.err);
    let paths: Vec<Vec<u8>> = export
        .out
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .map(|entry| fim::name::bytes(entry["path"].as_str().unwrap()).unwrap())
        .collect();
    for name in names {
        let path = stand.tree.join(OsStr::from_bytes(name));
        assert!(paths.contains(&path.as_os_str().as_bytes().to_vec()), "{path:?}");
        fs::write(path, "y").unwrap();
    }
    assert_eq!(stand.scan().len(), names.len());
    for format in ["table", "json", "ndjson", "csv"] {
        let ran = stand.fim(["scan", "--format", format]);
        assert_eq!(ran.code, Some(1));
        let bad = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!ran.out.contains(bad) && !ran.err.contains(bad), "{format}: {:?}", ran.out);
        assert!(ran.out.contains("x1b[31mred"), "{format}: {}", ran.out);
    }
    let one = stand.tree.join(OsStr::from_bytes(names[1]));
    let arguments = ["fim".as_ref(), "status".as_ref(), "--explain".as_ref(), one.as_os_str()];
    let ran = run(arguments.into_iter().chain([OsStr::new("--state-dir"), stand.state.as_os_str()]));
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("last seen"), "{}", ran.out);
}

#[test]
fn f59_killed_at_any_point_there_is_the_old_generation_or_the_new() {
    let stand = Stand::new();
    for number in 0..400 {
        fs::write(stand.tree.join(format!("file{number}")), "0").unwrap();
    }
    assert_eq!(stand.fim(["baseline", stand.tree.to_str().unwrap()]).code, Some(0));
    let generation = || {
        let answer: Json = serde_json::from_str(&stand.fim(["verify", "--format", "json"]).out).unwrap();
        assert_eq!(answer["verification"]["problems"], serde_json::json!([]), "{answer}");
        answer["verification"]["generation"]["seal"]["generation"].as_u64().unwrap()
    };
    let (mut before, mut killed, mut done) = (generation(), 0, 0);
    let mut delay = Duration::from_micros(500);
    for round in 1..=16 {
        for number in 0..400 {
            fs::write(stand.tree.join(format!("file{number}")), round.to_string()).unwrap();
        }
        let mut command = auditng();
        command.args(["fim", "baseline", "--update", "--state-dir"]).arg(&stand.state);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Not to wait for anything, but to kill at another point in each round.
        std::thread::park_timeout(delay);
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        delay = if ended.success() { delay / 4 } else { delay + delay / 2 };
        match ended.success() {
            true => done += 1,
            false => killed += 1,
        }
        let after = generation();
        assert!(after == before || after == before + 1, "{before} {after}");
        assert!(!ended.success() || after == before + 1);
        let differs = stand.fim(["scan"]);
        assert_eq!(differs.code, Some(i32::from(after == before)), "{round}: all or nothing: {}", differs.out);
        before = after;
        if after > 1 && after.is_multiple_of(2) {
            assert_eq!(stand.fim(["baseline", "--update"]).code, Some(0));
            before = generation();
        }
    }
    assert!(killed > 3, "{killed} killed, {done} done");
}

#[test]
fn every_row_of_the_table_of_exit_codes() {
    let stand = Stand::new();
    let tree = stand.tree.to_str().unwrap();
    assert_eq!(stand.fim(["scan"]).code, Some(3), "no baseline");
    assert_eq!(stand.fim(["verify"]).code, Some(3), "no file");
    assert_eq!(stand.fim(["status"]).code, Some(3), "no state");
    assert_eq!(stand.fim(["baseline", "--list"]).code, Some(3));
    assert_eq!(stand.fim(["baseline", "/no/such/folder"]).code, Some(3), "root unreadable");
    assert_eq!(stand.fim(["baseline", tree]).code, Some(0), "written");
    assert_eq!(stand.fim(["baseline", tree]).code, Some(0), "nothing to do");
    assert_eq!(stand.fim(["scan"]).code, Some(0), "no difference");
    assert_eq!(stand.fim(["verify"]).code, Some(0), "all agree");
    let status = stand.fim(["status"]);
    assert_eq!(status.code, Some(1), "no agent runs, which is degraded: {}", status.out);
    let config = stand.folder.path().join("agent.toml");
    let text =
        format!("[fim]\nmode = \"scan\"\nuse_defaults = false\n[[fim.policy]]\nid = \"tree\"\npaths = [\"{tree}/\"]\n");
    fs::write(&config, text).unwrap();
    let status = stand.fim(["status", "--config", config.to_str().unwrap()]);
    assert_eq!(status.code, Some(0), "scans are what was asked for: {}", status.out);
    assert_eq!(stand.fim(["scan", "--config", config.to_str().unwrap(), "--policy", "tree"]).code, Some(0));
    assert_eq!(stand.fim(["scan", "--policy", "nosuch"]).code, Some(2));
    assert_eq!(stand.fim(["scan", "--rate", "fast"]).code, Some(2));
    assert_eq!(stand.fim(["scan", "--full", "--meta"]).code, Some(2));
    fs::write(&config, "[fim]\nmodus = \"scan\"\n").unwrap();
    let wrong = stand.fim(["scan", "--config", config.to_str().unwrap()]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("modus"), "{}", wrong.err);
    // The key is open to others: what it signed is worth nothing.
    fs::set_permissions(stand.state.join("baseline.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(stand.fim(["scan"]).code, Some(3));
    assert_eq!(stand.fim(["verify"]).code, Some(1));
}
