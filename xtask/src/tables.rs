//! Generates the tables of crate `audit` from kernel uapi headers.
//!
//! Needs a folder with the headers of every architecture, `any-linux-any/{linux,asm-generic}` and
//! `<arch>-linux-any/asm`, named by `AUDITNG_KERNEL_HEADERS`. The PyPI wheel `ziglang` has it as
//! `ziglang/lib/libc/include` (`pip download --no-deps ziglang`, then unzip). 31-bit s390 left the kernel in Linux 7:
//! put the headers of Debian's `linux-libc-dev-s390x-cross` under `s390-linux-any/`; without them that one table stays
//! as it is.
//!
//! Header names are facts of the ABI (uapi headers carry the syscall exception). Numbers that no uapi header has are
//! in [`facts`].

mod facts;
mod header;
mod sets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use header::Constants;
use sets::{CALLS, Calls, Pick, SETS, Set, Shape};

/// Rewrites `crates/audit/src/table/z*.rs`.
pub(crate) fn generate(root: &Path) -> Result<()> {
    let folder = std::env::var_os("AUDITNG_KERNEL_HEADERS").context(
        "AUDITNG_KERNEL_HEADERS must name a folder of kernel headers; the head of xtask/src/tables.rs says which",
    )?;
    let headers = Headers { folder: folder.into() };
    let out = Writer { folder: root.join("crates/audit/src/table"), version: headers.version("linux/version.h")? };
    out.write("record_type", "Record types.", &record_types(&headers)?)?;
    out.write("errno", "Error numbers.", &errors(&headers)?)?;
    out.write("arch", "Audit arch words.", &arches(&headers)?)?;
    for file in ["file", "process", "net", "kernel"] {
        let doc = format!("Constants of system call arguments: {file}.");
        out.write(file, &doc, &constants(&headers, file)?)?;
    }
    for calls in CALLS {
        if headers.path(calls.header).exists() {
            let doc = format!("System calls of {}.", calls.file);
            let out = Writer { version: headers.version_of(calls.header)?, folder: out.folder.clone() };
            out.write(&format!("syscall_{}", calls.file), &doc, &system_calls(&headers, calls)?)?;
        }
    }
    Ok(())
}

struct Headers {
    folder: PathBuf,
}

impl Headers {
    /// `@arch/asm/x.h` is an architecture's header, anything else a shared one.
    fn path(&self, header: &str) -> PathBuf {
        match header.strip_prefix('@').and_then(|header| header.split_once('/')) {
            Some((arch, rest)) => self.folder.join(format!("{arch}-linux-any")).join(rest),
            None => self.folder.join("any-linux-any").join(header),
        }
    }

    fn read(&self, headers: &[&str]) -> Result<Constants> {
        let paths: Vec<_> = headers.iter().map(|header| self.path(header)).collect();
        Constants::read(&paths)
    }

    fn version(&self, header: &str) -> Result<String> {
        let constants = self.read(&[header])?;
        let code =
            constants.value("LINUX_VERSION_CODE").with_context(|| format!("{header} has no LINUX_VERSION_CODE"))?;
        Ok(format!("{}.{}.{}", code >> 16, code >> 8 & 0xff, code & 0xff))
    }

    /// An architecture's folder that came from another kernel has a version of its own.
    fn version_of(&self, header: &str) -> Result<String> {
        let arch = header.split('/').next().unwrap_or(header);
        let own = format!("{arch}/linux/version.h");
        self.version(if self.path(&own).exists() { &own } else { "linux/version.h" })
    }
}

struct Writer {
    folder: PathBuf,
    version: String,
}

impl Writer {
    fn write(&self, name: &str, doc: &str, body: &str) -> Result<()> {
        let path = self.folder.join(format!("z{name}.rs"));
        let version = &self.version;
        let text = format!(
            "//! {doc}\n//!\n//! Machine-written by `cargo xtask tables` from the uapi headers of Linux {version}; do not edit.\n\n{body}"
        );
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn record_types(headers: &Headers) -> Result<String> {
    let mut names = BTreeMap::new();
    for (name, value) in headers.read(&["linux/audit.h"])?.all() {
        let bounds = ["FIRST_", "LAST_", "KERN_ANOM_MSG"].iter().any(|word| name.contains(word));
        let number = u16::try_from(value).ok().filter(|number| (1000..3000).contains(number));
        if let (Some(name), Some(number), false) = (name.strip_prefix("AUDIT_"), number, bounds) {
            names.entry(number).or_insert(name.to_owned());
        }
    }
    for (number, name) in facts::USER_RECORDS {
        names.insert(*number, (*name).to_owned());
    }
    let mut by_name: Vec<_> = names.iter().map(|(number, name)| (name.as_str(), number)).collect();
    by_name.sort_unstable();
    let mut out = "/// The name of a number.\npub(super) fn name(number: u16) -> Option<&'static str> {\n    Some(match number {\n".to_owned();
    for (number, name) in &names {
        writeln!(out, "        {number} => {name:?},")?;
    }
    out += "        _ => return None,\n    })\n}\n\n/// Names with their numbers, in byte order of the names.\n";
    let items = by_name.iter().map(|(name, number)| format!("(b{name:?}, {number})"));
    out += &array("NAMES", "(&[u8], u16)", items);
    Ok(out)
}

fn errors(headers: &Headers) -> Result<String> {
    let constants = headers.read(&["asm-generic/errno-base.h", "asm-generic/errno.h"])?;
    let aliases = ["EWOULDBLOCK", "EDEADLOCK"];
    let mut names: BTreeMap<u64, &str> = facts::KERNEL_ERRORS.iter().copied().collect();
    for (name, value) in constants.all().filter(|(name, _)| !aliases.contains(name)) {
        names.entry(u64::try_from(value)?).or_insert(name);
    }
    let mut out = "/// The name of a positive error number (mips, sparc and alpha number some of them otherwise).\n\
                   pub(super) fn name(number: u64) -> Option<&'static str> {\n    Some(match number {\n"
        .to_owned();
    for (number, name) in &names {
        writeln!(out, "        {number} => {name:?},")?;
    }
    out += "        _ => return None,\n    })\n}\n\n/// Names with their numbers.\n";
    out += &array("NAMES", "(&str, i32)", names.iter().map(|(number, name)| format!("({name:?}, {number})")));
    Ok(out)
}

fn arches(headers: &Headers) -> Result<String> {
    let constants = headers.read(&["linux/elf-em.h", "linux/audit.h"])?;
    let words = constants.all().filter_map(|(name, value)| Some((name.strip_prefix("AUDIT_ARCH_")?, value)));
    let words: BTreeMap<_, _> = words.map(|(name, value)| (value, name.to_ascii_lowercase())).collect();
    ensure!(!words.is_empty(), "linux/audit.h has no AUDIT_ARCH_*");
    let items = words.iter().map(|(word, name)| format!("({}, {name:?})", hex(*word)));
    Ok(format!("/// Arch words with their names, in rising order.\n{}", array("WORDS", "(u32, &str)", items)))
}

/// In groups of four digits.
fn hex(value: i128) -> String {
    let digits = format!("{value:x}");
    if digits.len() <= 4 {
        return format!("0x{digits}");
    }
    let digits = format!("{digits:0>width$}", width = digits.len().next_multiple_of(4));
    let groups: Vec<_> = digits.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    format!("0x{}", groups.join("_"))
}

fn constants(headers: &Headers, file: &str) -> Result<String> {
    let mut out = "use super::flag::{Flags, Values};\n".to_owned();
    for set in SETS.iter().filter(|set| set.file == file) {
        let picked = pick(headers, set)?;
        ensure!(!picked.is_empty(), "{} is empty", set.name);
        let kind = match set.shape {
            Shape::Flags => "Flags",
            Shape::Values => "Values",
        };
        let items: Vec<_> =
            picked.iter().map(|(value, name)| format!("({}, {name:?})", hex(i128::from(*value)))).collect();
        write!(out, "\n/// {}\n#[rustfmt::skip]\npub static {}: {kind} = {kind}::new(&[\n", set.doc, set.name)?;
        out += &packed(items.into_iter());
        out += "]);\n";
    }
    Ok(out)
}

/// Flags with the most bits first, so that a name for several bits wins over the names of each; values in rising
/// order.
fn pick(headers: &Headers, set: &Set) -> Result<Vec<(u64, String)>> {
    let constants = headers.read(set.headers)?;
    let keep = |picked: &[&str], except: &[&str], name: &str| {
        picked.iter().any(|prefix| name.starts_with(prefix)) && !except.iter().any(|pattern| matches(pattern, name))
    };
    let found: Vec<(&str, i128)> = match set.pick {
        Pick::Named(prefixes, except) => constants.all().filter(|(name, _)| keep(prefixes, except, name)).collect(),
        Pick::TopLevel(prefixes, except) => {
            constants.top_level().filter(|(name, _)| keep(prefixes, except, name)).collect()
        }
        Pick::Enum(of, except) => {
            constants.members(of).into_iter().filter(|(name, _)| keep(&[""], except, name)).collect()
        }
        Pick::Facts(facts) => facts.iter().map(|(value, name)| (*name, i128::from(*value))).collect(),
    };
    let mut out = Vec::<(u64, String)>::new();
    for (name, value) in found {
        let Ok(value) = u64::try_from(value) else { continue };
        if !out.iter().any(|(known, _)| *known == value) {
            out.push((value, name.to_owned()));
        }
    }
    match set.shape {
        Shape::Values => out.sort_unstable(),
        Shape::Flags => out.sort_by_key(|(value, _)| (std::cmp::Reverse(value.count_ones()), *value)),
    }
    Ok(out)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => pattern == name,
    }
}

fn system_calls(headers: &Headers, calls: &Calls) -> Result<String> {
    let mut constants = Constants::default();
    constants.read_text(calls.base);
    constants.read_file(&headers.path(calls.header))?;
    let mut names = BTreeMap::<u32, String>::new();
    for (name, value) in constants.all() {
        let name = name.strip_prefix("__NR_").filter(|name| !["SYSCALL_BASE", "Linux", "syscalls"].contains(name));
        if let (Some(name), Ok(number)) = (name, u32::try_from(value)) {
            names.entry(number).or_insert(name.to_owned());
        }
    }
    let first = *names.keys().next().context("no system calls")?;
    let last = *names.keys().last().context("no system calls")?;
    let base = if first >= 4000 { first / 1000 * 1000 } else { 0 };
    let items = (base..=last).map(|number| format!("{:?}", names.get(&number).map_or("", String::as_str)));
    let beyond: &[(u32, &str)] = if calls.file == "arm" { facts::ARM_PRIVATE } else { &[] };
    let beyond = beyond.iter().map(|(number, name)| format!("({}, {name:?})", hex(i128::from(*number))));
    let mut out = format!(
        "use super::syscall::Table;\n\n/// Names by number, empty where there is none.\npub(super) static TABLE: Table = \
         Table {{ base: {base}, names: NAMES, beyond: BEYOND }};\n\n",
    );
    out += &private_array("BEYOND", "(u32, &str)", beyond);
    out += "\n";
    out += &private_array("NAMES", "&str", items);
    Ok(out)
}

fn array(name: &str, item: &str, items: impl Iterator<Item = String>) -> String {
    format!("#[rustfmt::skip]\npub(super) static {name}: &[{item}] = &[\n{}];\n", packed(items))
}

fn private_array(name: &str, item: &str, items: impl Iterator<Item = String>) -> String {
    format!("#[rustfmt::skip]\nstatic {name}: &[{item}] = &[\n{}];\n", packed(items))
}

/// As many items in a line as fit in 120 columns.
fn packed(items: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for item in items {
        if !line.is_empty() && line.len() + item.len() + 6 > 120 {
            out += &format!("    {}\n", line.trim_end());
            line.clear();
        }
        line += &format!("{item}, ");
    }
    if !line.is_empty() {
        out += &format!("    {}\n", line.trim_end());
    }
    out
}
