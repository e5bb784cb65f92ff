//! Whatever is typed or fed: a clear sentence and the documented exit code, never a crash or a hang.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;

use crate::program::{auditng, run, run_with};

/// Runs `replay` over a file with these bytes.
fn replay(bytes: &[u8]) -> crate::program::Ran {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    run([
        std::ffi::OsStr::new("replay"),
        file.path().as_os_str(),
        "--out".as_ref(),
        "ndjson".as_ref(),
        "--stats".as_ref(),
    ])
}

fn stats(err: &str) -> serde_json::Value {
    serde_json::from_str(err.lines().find(|line| line.starts_with('{')).unwrap()).unwrap()
}

#[test]
fn an_empty_file_has_no_events() {
    let ran = replay(b"");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    assert_eq!(stats(&ran.err)["records"], 0);
}

#[test]
fn a_binary_file_is_kept_as_evidence_or_refused_but_never_dropped_silently() {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let ran = replay(&bytes);
    match ran.code {
        Some(0) => {
            assert!(stats(&ran.err)["unparsed"].as_u64().unwrap() > 0, "{}", ran.err);
            assert!(ran.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        }
        Some(3) => assert!(ran.err.contains("auditng:"), "{}", ran.err),
        code => panic!("{code:?}: {}", ran.err),
    }
}

#[test]
fn a_cut_archive_gives_what_it_has_and_exits_3() {
    let line = |n: u32| {
        format!(
            "type=USER_LOGIN msg=audit(1700000000.{:03}:{n}): pid=1 uid=0 auid=0 ses=1 msg='op=login acct=\"a{n}\" res=success'\n",
            n % 1000
        )
    };
    let text: String = (1..50_000).map(line).collect();
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let ran = replay(&packed[..packed.len() / 2]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("broke off"), "{}", ran.err);
    assert!(ran.out.lines().count() > 1000);
}

#[test]
fn a_line_of_ten_megabytes_becomes_one_event() {
    let mut text = b"type=CWD msg=audit(1700000000.000:1): cwd=".to_vec();
    text.extend(std::iter::repeat_n(b'A', 10_000_000));
    text.extend(
        b"\ntype=USER_LOGIN msg=audit(1700000001.000:2): pid=1 uid=0 auid=0 ses=1 msg='op=login res=success'\n",
    );
    let ran = replay(&text);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 2);
}

#[test]
fn what_is_no_readable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run([std::ffi::OsStr::new("replay"), folder.path().as_os_str(), "--out".as_ref(), "ndjson".as_ref()]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("is a directory"), "{}", ran.err);
    let ran = run(["replay", "/no/such/file", "--out", "ndjson"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("/no/such/file"), "{}", ran.err);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root to become somebody who may not read the file");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.log");
    fs::write(&file, "x").unwrap();
    // The program itself may lie where others cannot reach it.
    let program = folder.path().join("auditng");
    fs::copy(env!("CARGO_BIN_EXE_auditng"), &program).unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = std::process::Command::new(program)
        .arg("replay")
        .arg(&file)
        .args(["--out", "ndjson"])
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied"), "{output:?}");
}

#[test]
fn wrong_flags_and_missing_servers() {
    let ran = run(["search", "--no-such-flag"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--no-such-flag"), "{}", ran.err);
    let folder = tempfile::tempdir().unwrap();
    let ran = run([std::ffi::OsStr::new("search"), "x".as_ref(), "--data-dir".as_ref(), folder.path().as_os_str()]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.contains("auditng up"), "{}", ran.err);
}

#[test]
fn standard_input_is_an_input() {
    let text = b"type=USER_LOGIN msg=audit(1700000001.000:2): pid=1 uid=0 auid=0 ses=1 msg='op=login res=success'";
    let ran = run_with(["replay", "-", "--out", "ndjson"], text);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 1), "{}", ran.err);
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output =
        auditng().arg("serve").arg("--data-dir").arg(folder.path()).args(["--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address), "{output:?}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    // /proc takes no folders, not even from root.
    let ran = run(["serve", "--data-dir", "/proc/auditng-data", "--listen", "127.0.0.1:0"]);
    assert!(matches!(ran.code, Some(3 | 4)), "{:?} {}", ran.code, ran.err);
    assert!(ran.err.contains("/proc/auditng-data"), "{}", ran.err);
}

#[test]
fn listening_to_the_world_in_the_clear_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run([
        std::ffi::OsStr::new("serve"),
        "--data-dir".as_ref(),
        folder.path().as_os_str(),
        "--listen".as_ref(),
        "0.0.0.0:0".as_ref(),
    ]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--insecure-http"), "{}", ran.err);
}
