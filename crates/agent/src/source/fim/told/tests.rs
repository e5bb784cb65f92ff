use audit::normalize::NoNames;
use audit::pipeline::{Options, Pipeline};
use audit::record;
use schema::Timestamp;

use super::*;

fn told(lines: &str) -> Vec<Told> {
    let mut pipeline = Pipeline::new(&Options::default());
    let mut all = Vec::new();
    let each = &mut |event: &mut Event| all.extend(of(event));
    for line in lines.lines().filter(|line| !line.is_empty()) {
        pipeline.push(&record::parse_line(line.as_bytes()).unwrap(), Timestamp::default(), &NoNames, each);
    }
    pipeline.finish(&NoNames, each);
    all
}

fn call(number: u32, arguments: &str, success: &str, paths: &[(&str, u64, &str)]) -> Told {
    let id = "msg=audit(1790000002.100:201):";
    let mut lines = format!(
        "type=SYSCALL {id} arch=c000003e syscall={number} success={success} exit=0 {arguments} items={} ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts1 ses=5 comm=\"sh\" exe=\"/usr/bin/dash\" key=\"files\"\ntype=CWD {id} cwd=\"/home/ada\"\n",
        paths.len()
    );
    for (item, (name, inode, role)) in paths.iter().enumerate() {
        let name = if *name == "(null)" { (*name).to_owned() } else { format!("\"{name}\"") };
        lines += &format!(
            "type=PATH {id} item={item} name={name} inode={inode} dev=fd:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype={role}\n"
        );
    }
    told(&lines).pop().unwrap_or_default()
}

const NOBODY: &str = "a0=0 a1=0 a2=0 a3=0";

#[test]
fn a_new_file_and_who_made_it() {
    let told =
        call(257, "a0=ffffff9c a1=7f a2=241 a3=1b6", "yes", &[("notes", 4, "PARENT"), ("notes/../x", 9, "CREATE")]);
    let id = Some(FileId { dev: rustix::fs::makedev(0xfd, 0), inode: 9 });
    let mask = Mask::CREATE.with(Mask::CLOSE_WRITE);
    assert_eq!(told.files, [File { mask, path: Some("/home/ada/x".into()), id, ..File::default() }]);
    let who = &told.who;
    assert_eq!((who.pid, who.ppid, who.auid, who.session), (8, Some(7), Some(1000), Some(5)));
    assert_eq!((who.exe.as_deref(), who.confidence), (Some(b"/usr/bin/dash".as_slice()), Confidence::Merged));
    assert_eq!((told.keys.as_slice(), told.failed), (["files".to_owned()].as_slice(), false));
}

#[test]
fn one_inode_that_goes_and_comes_is_a_move() {
    let renamed =
        [("/a", 1, "PARENT"), ("/b", 2, "PARENT"), ("/a/x", 9, "DELETE"), ("/b/y", 5, "DELETE"), ("/b/y", 9, "CREATE")];
    let told = call(82, NOBODY, "yes", &renamed);
    assert_eq!(told.files.len(), 1, "{told:?}");
    let file = &told.files[0];
    assert_eq!((file.mask, file.replaced), (Mask::RENAME, true));
    assert_eq!((file.old_path.as_deref(), file.path.as_deref()), (Some("/a/x".as_ref()), Some("/b/y".as_ref())));
    // RENAME_EXCHANGE
    let exchanged = [("/a", 9, "DELETE"), ("/b", 5, "DELETE"), ("/b", 9, "CREATE"), ("/a", 5, "CREATE")];
    let told = call(316, NOBODY, "yes", &exchanged);
    let pairs: Vec<_> = told.files.iter().map(|file| (file.old_path.clone(), file.path.clone())).collect();
    let path = |name: &str| Some(PathBuf::from(name));
    assert_eq!(pairs, [(path("/a"), path("/b")), (path("/b"), path("/a"))]);
}

#[test]
fn what_a_call_does_to_a_file_that_it_uses() {
    let check = |number, arguments, expect| {
        let files = call(number, arguments, "yes", &[("/x", 9, "NORMAL")]).files;
        assert_eq!(files.first().map(|file| file.mask), expect, "{number}");
    };
    check(257, "a0=ffffff9c a1=7f a2=1 a3=0", Some(Mask::CLOSE_WRITE));
    check(257, "a0=ffffff9c a1=7f a2=80000 a3=0", Some(Mask::OPEN));
    check(90, NOBODY, Some(Mask::ATTRIB));
    check(76, NOBODY, Some(Mask::MODIFY));
    check(59, NOBODY, Some(Mask::OPEN_EXEC));
    check(4, NOBODY, None);
    assert_eq!(call(263, NOBODY, "yes", &[("/", 1, "PARENT"), ("/x", 9, "DELETE")]).files[0].mask, Mask::DELETE);
}

#[test]
fn f51_no_name_is_no_path() {
    let told = call(91, NOBODY, "yes", &[("(null)", 9, "NORMAL")]);
    assert_eq!((told.files[0].mask, told.files[0].path.as_deref()), (Mask::ATTRIB, None));
    assert_eq!(told.files[0].id.map(|id| id.inode), Some(9));
}

#[test]
fn a_failed_call_says_so() {
    assert!(call(87, NOBODY, "no", &[("/", 1, "PARENT"), ("/x", 9, "DELETE")]).failed);
}

#[test]
fn a_name_relative_to_a_descriptor_is_no_path() {
    let told = call(257, "a0=5 a1=7f a2=241 a3=1b6", "yes", &[("sub", 4, "PARENT"), ("x", 9, "CREATE")]);
    assert_eq!(told.files[0].path, None);
}
