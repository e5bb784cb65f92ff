//! How fast records become fields, events and JSON text. Goals: spec/audit.md section 5.
//!
//! `cargo bench -p audit --bench decode` reads the recording of a real host if it lies at hand (`AUDITNG_DATA`), else lines
//! of its own; the counter is records (lines).

use audit::record::parse_line;
use audit::replay::{Decoder, Options};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// One in ten of the recording's 175,955 lines' worth, so that a sample takes some milliseconds.
const LINES: usize = 17_600;

fn log() -> Vec<u8> {
    let recorded = testkit::recording("audit/real/host.log.zst").and_then(|path| testkit::unpacked(&path).ok());
    let whole = recorded.unwrap_or_else(own_lines);
    let end = memchr::memchr_iter(b'\n', &whole).nth(LINES - 1).map_or(whole.len(), |end| end + 1);
    whole[..end].to_vec()
}

fn own_lines() -> Vec<u8> {
    (0..LINES / 4)
        .map(|serial| {
            let stamp = format!("{}.000:{serial}", 1_700_000_000 + serial / 8000);
            format!(
                "type=SYSCALL msg=audit({stamp}): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ff0 a2=80000 \
                 a3=0 items=1 ppid=10 pid=11 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 \
                 ses=2 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"files\"\ntype=CWD msg=audit({stamp}): cwd=\"/srv\"\n\
                 type=PATH msg=audit({stamp}): item=0 name=\"notes.txt\" inode=77 dev=fe:00 mode=0100644 ouid=0 ogid=0 \
                 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\n\
                 type=PROCTITLE msg=audit({stamp}): proctitle=636174006E6F7465732E747874\n"
            )
        })
        .collect::<String>()
        .into_bytes()
}

#[divan::bench]
fn header(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(log.len()))
        .bench_local(|| log.split(|&byte| byte == b'\n').filter(|line| parse_line(black_box(line)).is_ok()).count());
}

#[divan::bench]
fn fields(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher.counter(ItemsCount::new(LINES)).counter(BytesCount::new(log.len())).bench_local(|| {
        let records = log.split(|&byte| byte == b'\n').filter_map(|line| parse_line(line).ok());
        records.map(|record| record.fields().map(|field| field.value.raw.len()).sum::<usize>()).sum::<usize>()
    });
}

#[divan::bench]
fn events(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher.counter(ItemsCount::new(LINES)).counter(BytesCount::new(log.len())).bench_local(|| {
        let (mut decoder, mut entries) = (Decoder::new(Options::default()), 0);
        let mut each = |event: &mut schema::Event| entries += event.entries().len();
        decoder.feed(&log, &mut each);
        decoder.finish(&mut each);
        entries
    });
}

#[divan::bench]
fn json(bencher: Bencher<'_, '_>) {
    let log = log();
    bencher.counter(ItemsCount::new(LINES)).counter(BytesCount::new(log.len())).bench_local(|| {
        let (mut decoder, mut text, mut bytes) = (Decoder::new(Options::default()), String::new(), 0);
        let mut each = |event: &mut schema::Event| {
            text.clear();
            event.write_json(&mut text);
            bytes += text.len();
        };
        decoder.feed(&log, &mut each);
        decoder.finish(&mut each);
        bytes
    });
}
