//! How long a query string takes to parse, by the kilobyte. Run: `cargo bench -p schema --bench query_string`.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use schema::Timestamp;
use schema::search::{Options, query_string};

fn main() {
    divan::main();
}

/// What analysts paste: fields, groups, paths, networks, times, negations.
const CLAUSES: &str = "event.action:exec AND process.executable:(/tmp/* OR /dev/shm/* OR /var/tmp/*) -user.name:root \
    AND NOT (source.ip:10.0.0.0/8 OR source.ip:192.168.0.0/16) @timestamp:[now-1d/d TO now/d} process.pid:>=1000 \
    message:\"Failed password\" container.image.name:nginx* labels.team:red curl wget \"/etc/passwd\" ";

fn options() -> Options<'static> {
    Options::page(Timestamp::from_millis(1_795_507_290_250))
}

/// A query of about so many bytes.
fn text(bytes: usize) -> String {
    let mut text = CLAUSES.repeat(bytes.div_ceil(CLAUSES.len()));
    text.truncate(text[..bytes.min(text.len())].rfind(" AND ").unwrap_or(0));
    text
}

#[divan::bench(args = [1 << 10, 16 << 10])]
fn parse(bencher: Bencher<'_, '_>, bytes: usize) {
    let (text, options) = (text(bytes), options());
    bencher.counter(BytesCount::of_str(&text)).bench(|| query_string::parse(black_box(&text), &options).map_err(drop));
}

#[divan::bench(args = [1 << 10])]
fn print(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = text(bytes);
    let Ok(parsed) = query_string::parse(&text, &options()) else { return };
    bencher.counter(BytesCount::of_str(&text)).bench(|| query_string::print(black_box(&parsed.query)));
}

/// Problems look for near names, which is the dear part.
#[divan::bench]
fn problems(bencher: Bencher<'_, '_>) {
    let (text, options) = ("host.nmae:x proces.name:y usr.name:z ".repeat(27), options());
    bencher.counter(BytesCount::of_str(&text)).bench(|| query_string::parse(black_box(&text), &options).is_err());
}
