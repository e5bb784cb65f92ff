//! Which script a process runs.
//!
//! Two ways. The kernel was given a script with `#!`: then the path given to exec is not that of the executable, and the
//! kernel has put it behind the interpreter and its one argument. Or an interpreter was given a script: then it is its first
//! argument that is no option, unless an option says that the program text itself follows (`-c`, `-e`) or a module's name.

use super::Text;

/// Interpreters by the start of their names, with the options after which no script follows.
const INTERPRETERS: [(&str, &[&str]); 14] = [
    ("sh", &["-c", "-s"]),
    ("bash", &["-c", "-s"]),
    ("dash", &["-c", "-s"]),
    ("ash", &["-c", "-s"]),
    ("zsh", &["-c", "-s"]),
    ("ksh", &["-c", "-s"]),
    ("busybox", &[]),
    ("python", &["-c", "-m"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "-p", "--eval"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("tclsh", &[]),
];

/// The script's path, made whole with the working directory.
pub(super) fn of(exe: Option<&Text>, args: &[Text], invoked: Option<&Text>, cwd: Option<&Text>) -> Option<Text> {
    let exe = exe?.as_str();
    if let Some(invoked) = invoked.map(Text::as_str).filter(|invoked| *invoked != exe) {
        // `#!`: argv is interpreter, perhaps its argument, then the path as given to exec.
        let found = args.iter().skip(1).take(2).find(|arg| {
            invoked == arg.as_str()
                || invoked.ends_with(arg.as_str().trim_start_matches("./")) && !arg.as_str().is_empty()
        });
        if let Some(found) = found.filter(|found| base(found.as_str()) == base(invoked)) {
            return whole(found, cwd);
        }
    }
    given(exe, args).and_then(|script| whole(script, cwd))
}

/// The first argument that is no option.
fn given<'a>(exe: &str, args: &'a [Text]) -> Option<&'a Text> {
    let name = base(exe).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let (_, last) = INTERPRETERS.iter().find(|(known, _)| *known == name)?;
    if name == "busybox" {
        // Only its shells run scripts; which applet it is says the first argument.
        return args
            .first()
            .filter(|first| ["sh", "ash"].contains(&base(first.as_str())))
            .and_then(|_| options(args, &["-c", "-s"]));
    }
    options(args, last)
}

fn options<'a>(args: &'a [Text], last: &[&str]) -> Option<&'a Text> {
    for arg in args.iter().skip(1) {
        let text = arg.as_str();
        let short = text.len() > 1 && text.starts_with('-') && !text.starts_with("--");
        // `-xc` is `-x -c` for a shell.
        let ends =
            last.iter().any(|option| text == *option || short && option.len() == 2 && text.ends_with(&option[1..]));
        match text {
            _ if ends => return None,
            "-" | "" => return None,
            _ if text.starts_with(['-', '+']) => {}
            _ => return Some(arg),
        }
    }
    None
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn whole(path: &Text, cwd: Option<&Text>) -> Option<Text> {
    if path.as_str().starts_with('/') {
        return Some(path.clone());
    }
    let cwd = cwd?;
    Some(path.below(cwd))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exe: &str, args: &[&str], invoked: &str, expect: Option<&str>) {
        let args: Vec<Text> = args.iter().map(|arg| Text::plain(arg)).collect();
        let (exe, invoked, cwd) = (Text::plain(exe), Text::plain(invoked), Text::plain("/home/x"));
        let got = of(Some(&exe), &args, Some(&invoked), Some(&cwd));
        assert_eq!(got.as_ref().map(Text::as_str), expect, "{exe:?} {args:?}");
    }

    #[test]
    fn what_the_kernel_was_given() {
        check("/usr/bin/bash", &["/bin/bash", "/usr/bin/ldd", "x"], "/usr/bin/ldd", Some("/usr/bin/ldd"));
        check("/usr/bin/env", &["/usr/bin/env", "-S", "./run", "x"], "/home/x/run", Some("/home/x/run"));
        check("/usr/bin/perl", &["/usr/bin/perl", "-w", "tool.pl"], "/home/x/tool.pl", Some("/home/x/tool.pl"));
        check("/usr/bin/awk", &["/usr/bin/awk", "-f", "/x/prog.awk"], "/x/prog.awk", Some("/x/prog.awk"));
    }

    #[test]
    fn what_an_interpreter_was_given() {
        check("/usr/bin/python3.11", &["python3", "-u", "app.py", "--x"], "/usr/bin/python3", Some("/home/x/app.py"));
        check("/usr/bin/dash", &["sh", "/etc/cron.daily/apt"], "/bin/sh", Some("/etc/cron.daily/apt"));
        check("/bin/busybox", &["sh", "/run.sh"], "/bin/sh", Some("/run.sh"));
    }

    #[test]
    fn no_script() {
        for args in
            [&["sh", "-c", "ls /x"][..], &["bash", "-xc", "ls"], &["bash"], &["bash", "-"], &["bash", "-s", "x"]]
        {
            check("/usr/bin/bash", args, "/usr/bin/bash", None);
        }
        check("/usr/bin/dash", &["sh", "-c", "x"], "/bin/sh", None);
        check("/usr/bin/python3", &["python3", "-m", "http.server"], "/usr/bin/python3", None);
        check("/usr/bin/ls", &["ls", "/etc"], "/bin/ls", None);
        check("/bin/busybox", &["ls", "/x"], "/bin/ls", None);
    }
}
