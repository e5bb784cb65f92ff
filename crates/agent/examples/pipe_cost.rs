//! What the pipe costs a host: `cargo run --release -p agent --example pipe_cost -- [URL] [EVENTS_PER_SECOND] [SECONDS]`,
//! with the server's token in `AUDITNG_TOKEN`. Without a URL nothing is shipped, and the time from put to durable is
//! measured instead. Prints one JSON line; CPU time is user and system of the whole process, event making included.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program: it fails where it cannot go on")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::{Sink as _, Stop};
use agent::ship;
use agent::spool::{self, Limits, Options, Reader, Spool, Writer, disk::Folder};
use schema::{AgentId, Event, Lane};
use testkit::generate::Generator;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let url = args.first().filter(|url| url.starts_with("http")).cloned();
    let numbers: Vec<u64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let (rate, seconds) = (numbers.first().copied().unwrap_or(1_000), numbers.get(1).copied().unwrap_or(20));
    let dir = tempfile::tempdir().unwrap();
    let health = Arc::new(Health::default());
    let disk = Box::new(Folder::new(dir.path()));
    // Another id at each run, so that no server has seen these events.
    let [a, b, c, d, e, f, ..] = Clock::system().wall().millis().to_le_bytes();
    let agent = AgentId::from_bytes([a, b, c, d, e, f]);
    let options = Options { keep_free: 0, ..Options::default() };
    let Spool { writer, committer, reader, .. } = spool::open(disk, agent, options, Clock::system(), &health).unwrap();
    std::thread::spawn(move || committer.run());
    match url {
        Some(url) => {
            let token = std::env::var("AUDITNG_TOKEN").ok();
            let options = ship::Options { urls: vec![url], token, ..ship::Options::default() };
            let shipping = ship::start(reader, options, Clock::system(), Arc::clone(&health)).unwrap();
            put(&writer, rate, seconds);
            report(seconds, &format!(r#""shipped":{}"#, delivered(&health)));
            assert!(shipping.stop(Instant::now() + Duration::from_secs(10)));
        }
        None => {
            let waits = std::thread::scope(|scope| {
                let putting = scope.spawn(|| put(&writer, rate, seconds));
                let got = receive(reader, rate * seconds);
                let put_at = putting.join().unwrap();
                let mut waits: Vec<u128> =
                    put_at.iter().zip(&got).map(|(put, got)| (*got - *put).as_micros()).collect();
                waits.sort_unstable();
                waits
            });
            let at = |part: usize| waits[(waits.len() - 1) * part / 1000] / 1000;
            report(seconds, &format!(r#""durable_ms":{{"p50":{},"p99":{},"max":{}}}"#, at(500), at(990), at(1000)));
        }
    }
}

/// Puts events evenly, ten times a second; the times at which each was put.
fn put(writer: &Writer, rate: u64, seconds: u64) -> Vec<Instant> {
    let mut generator = Generator::new(1, Clock::system().wall(), rate);
    let (mut event, pause, begun) = (Event::default(), Stop::default(), Instant::now());
    let mut times = Vec::new();
    for tick in 0..seconds * 100 {
        for _ in 0..rate / 100 {
            generator.fill(&mut event);
            writer.put(&mut event, Lane::Normal, Duration::from_secs(5)).unwrap();
            times.push(Instant::now());
        }
        let next = begun + Duration::from_millis((tick + 1) * 10);
        pause.wait(next.saturating_duration_since(Instant::now()));
    }
    times
}

/// When each event could be read, which is when it was durable.
fn receive(mut reader: Reader, count: u64) -> Vec<Instant> {
    let mut times = Vec::new();
    while (times.len() as u64) < count {
        reader.wait(Duration::from_secs(1));
        while let Some(batch) = reader.next(&Limits::default()) {
            let events: usize = batch.parts.iter().map(|part| usize::from(part.count)).sum();
            times.resize(times.len() + events, Instant::now());
            reader.acknowledge(&batch);
        }
    }
    times
}

fn delivered(health: &Health) -> u64 {
    health.stage("ship").report().passed
}

fn report(seconds: u64, more: &str) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // utime and stime, in hundredths of a second.
    let cpu: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let percent = cpu * 100.0 / f64::from(u32::try_from(seconds).unwrap());
    println!(r#"{{"cpu_seconds":{cpu:.2},"core_percent":{percent:.2},"peak_rss":"{peak}",{more}}}"#);
}
