//! What is said about wrong rules, and where.

use super::super::*;
use super::host;
use crate::table::arch;

/// `column severity message` of each problem of a text.
fn problems(text: &str) -> Vec<String> {
    let report = check(text, &host());
    report.problems.iter().map(|p| format!("{}:{} {}: {}", p.line, p.column, p.severity.word(), p.message)).collect()
}

fn check_error(line: &str, column: usize, message: &str) {
    let report = check(line, &host());
    let found: Vec<_> = report.errors().map(|error| (error.column, error.message.as_str())).collect();
    assert_eq!(found, [(column, message)], "{line}");
    assert_eq!(report.rules().count(), 0, "{line}");
}

#[test]
fn a75_errors_and_their_columns() {
    check_error("-a always,exit -F arch=b64 -S opne", 31, "x86_64 has no call `opne`");
    check_error("-a always,exit -F arch=b64 -S open,0-10", 36, "x86_64 has no call `0-10`");
    check_error("-a always,exit -F arch=b64 -S stime", 31, "x86_64 has no call `stime`");
    check_error("-a always,exit -F obj=x -S open", 19, "no field `obj`");
    check_error("-a always,exit -S open -k -F uid=0", 24, "option -k needs a value");
    check_error("-a always,exit -S open -k", 24, "option -k needs a value");
    check_error("-a always,exit -F uid=nobody", 19, "no user `nobody` here");
    check_error("-a always,exit -F arch=b65 -S open", 19, "no machine `b65`");
    check_error("-a always,exit -F exit=-EFOO", 19, "`-EFOO` is neither a number nor an error");
    check_error("-a always,exit -F perm=wq", 19, "`q` is no permission: there are r, w, x and a");
    check_error("-a always,exit -F path=etc/x", 19, "a path must start with /");
    check_error("-a always,exit -F path=/etc/", 19, "the kernel refuses a path that ends in /");
    check_error("-a always,exit -F pid=99999999999", 19, "`99999999999` does not fit into 32 bits");
    check_error("-a always,exit -F path>/x", 19, "operator `>` cannot be used with `path`");
    check_error("-a always,exit -F uid&1", 19, "operator `&` cannot be used with `uid`");
    check_error(
        "-a always,exit -F msgtype=1300",
        19,
        "field `msgtype` cannot be used in the exit list, only in user, exclude",
    );
    check_error("-a always,exit -F path=/a -F dir=/b", 30, "a rule has one path, dir or inode");
    check_error("-a always,exit -C uid=gid", 19, "the kernel cannot compare uid with gid");
    check_error("-a always,exit -C uid=pid", 19, "`pid` is no field that can be compared");
    check_error("-a always,exit -F uid", 19, "a condition needs an operator: = != < <= > >= & &=");
    check_error("-a always", 4, "option -a needs a list and an action, as in always,exit");
    check_error("-a always,exti -S open", 4, "`exti` is neither a list nor an action");
    check_error("-a always,task -S open", 19, "the task list sees no calls: -S cannot be used with it");
    check_error("-a never,filesystem -F key=x", 1, "a rule of the filesystem list needs a file system");
    check_error("-w / -k x", 4, "the kernel refuses a watch of /");
    check_error("-w etc -k x", 4, "a path must start with /");
    check_error("-w /etc -S open", 12, "-S cannot be used with -w");
    check_error("-F uid=0", 1, "conditions without a rule");
    check_error("-b many", 4, "option -b needs a number from 0");
    check_error("-e 3", 4, "option -e takes 0, 1 or 2");
    check_error("-w /etc # why", 9, "a comment must stand on a line of its own");
    check_error("-z", 1, "there is no option -z");
    check_error("-D -w /x", 4, "a line holds one of -a, -A, -d, -w, -W and -D");
    check_error("-w \"/x", 4, "this quote is not closed");
    check_error("-a always,io_uring -S execve", 23, "io_uring has no operation `execve`");
    check_error("-a always,exit -S 4000", 19, "call 4000 does not fit: a rule has calls up to 2047");
}

/// Lists and actions that the kernel had once.
#[test]
fn old_words_have_advice() {
    let report = check("-a entry,possible -S open", &host());
    let helps: Vec<_> = report.errors().filter_map(|error| error.help.as_deref()).collect();
    assert_eq!(helps, ["use exit", "use always"]);
}

#[test]
fn a75_all_errors_of_a_line_and_of_a_file_at_once() {
    let found = problems("-a always,exit -F uid=nobody -F foo=1 -S opne\n# fine\n-w /ok -F arch=b64 -k x\n-b x\n");
    let expect = [
        "1:19 error: no user `nobody` here",
        "1:33 error: no field `foo`",
        "1:42 error: x86_64 has no call `opne`",
        "3:12 error: -F cannot be used with -w",
        "4:4 error: option -b needs a number from 0",
    ];
    assert_eq!(found, expect.map(|line| line.replace("3:12", "3:11")));
}

#[test]
fn a_problem_prints_with_carets() {
    let report = check("\n-a always,exit -F arch=b64 -S opne -k x", &host());
    let expect = "error: x86_64 has no call `opne`\n \
                  --> line:2:31\n\
                  2 | -a always,exit -F arch=b64 -S opne -k x\n  \
                  |                               ^^^^\n  \
                  = help: did you mean `open`?";
    assert_eq!(report.problems[0].to_string(), expect);
}

#[test]
fn help_names_the_other_arch() {
    let report = check("-a always,exit -F arch=b64 -S stime", &host());
    assert_eq!(report.problems[0].help.as_deref(), Some("i386 has it: give it a rule of its own with -F arch=b32"));
}

fn check_hint(text: &str, message: &str) {
    let found = problems(text);
    assert!(found.iter().any(|problem| problem.ends_with(message)), "{found:#?}");
    assert!(check(text, &host()).errors().next().is_none());
}

#[test]
fn a75_cost_and_blind_spots() {
    check_hint(
        "-a always,exit -F uid=0",
        "1:1 warning: this rule is asked, and may record, at the end of every system call of every program",
    );
    check_hint(
        "-a always,exit -F arch=b64 -S openat -k x",
        "hint: this rule records every file that anyone opens, which makes an open eight times as dear",
    );
    check_hint(
        "-a always,exit -F arch=b64 -S execve -k x",
        "hint: 32-bit programs are not seen: there is no rule with -F arch=b32 and the same key",
    );
    check_hint(
        "-a always,exit -S execve -k x",
        "warning: without -F arch the call numbers of this rule hold for i386 programs too, where they are other calls",
    );
    check_hint(
        "-a always,exit -F arch=aarch64 -S execve",
        "warning: this rule is for aarch64 and never fires on x86_64",
    );
    check_hint(
        "-w /a -k x\n-w /b -k x\n-w /c -k x",
        "1:1 hint: this watch and 2 more hold for all system calls, and a watched directory is asked about at the end of each",
    );
    check_hint(
        "-a always,exit -F arch=b64 -S open -F exit=EACCES",
        "warning: errors are negative: exit=13 is a result, not EACCES",
    );
    check_hint(
        "-a always,exit -F path=/etc/cron.d -F perm=wa",
        "warning: this path is a directory: only it is watched, not what is in it",
    );
    check_hint(
        "-w /etc/*.conf -k x",
        "warning: the kernel knows no wildcards: this watches a file of exactly this name",
    );
    check_hint(
        "-a always,exit -S open -F arch=b64",
        "warning: -F arch stands behind -S, which auditctl refuses; read as if it stood before it",
    );
    check_hint("-e 2\n-w /x -k x", "warning: -e 2 locks the kernel: what follows it is refused until the next boot");
    check_hint("-l", "warning: -l means nothing in a rule file and is ignored");
}

#[test]
fn a75_rules_behind_others_that_decide_first() {
    check_hint("-w /a -k x\n-w /a -k x", "2:1 warning: the same rule stands at line 1: the kernel refuses the second");
    check_hint(
        "-a never,exit -F uid=0\n-a always,exit -F arch=b64 -S execve -F uid=0 -k x",
        "2:1 warning: this rule never decides: line 1 matches all that it matches",
    );
    let other_way = "-a always,exit -F arch=b64 -S execve -F uid=0 -k x\n-a never,exit -F uid=0";
    assert!(problems(other_way).iter().all(|problem| !problem.contains("never decides")));
}

#[test]
fn a_twin_silences_the_hint() {
    let both = "-a always,exit -F arch=b64 -S execve -k x\n-a always,exit -F arch=b32 -S execve -k x";
    assert_eq!(problems(both), [""; 0]);
}

#[test]
fn a75_an_older_kernel_refuses_what_it_does_not_know() {
    let text = "-a always,exit -F exe=/bin/su -S setuid -F arch=b64 -k x\n-w /etc/shadow -k y";
    let report = check(text, &Host { features: Some(0x03), ..host() });
    let errors: Vec<_> = report.errors().map(|error| error.message.as_str()).collect();
    assert_eq!(errors, ["this kernel does not know field `exe`: feature bit 0x4 is missing"]);
    assert_eq!(report.rules().count(), 1);
    assert_eq!(check(text, &Host { features: Some(0x7f), ..host() }).rules().count(), 2);
}

#[test]
fn a_32_bit_machine_has_no_b64() {
    let report = check("-a always,exit -F arch=b64 -S open", &Host::bare(arch::I386));
    assert_eq!(report.problems[0].message, "i386 has no 64-bit calls");
}
