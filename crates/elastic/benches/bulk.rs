//! How long bulk bodies and their answers take. Run: `cargo bench -p elastic --bench bulk`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use elastic::bulk::{Action, ItemResult, Items, Response, write_create};

fn main() {
    divan::main();
}

const ITEMS: usize = 500;
const INDEX: &str = "logs-auditng.audit-default";

fn id(at: usize) -> String {
    format!("00ab01020304-00000007-{at:012x}")
}

/// A body of 500 documents of 717 bytes.
fn body() -> Vec<u8> {
    let document = format!("{{\"message\":\"{}\"}}", "x".repeat(703));
    let mut body = Vec::new();
    (0..ITEMS).for_each(|at| write_create(&mut body, INDEX, &id(at), document.as_bytes()));
    body
}

fn response() -> Response<'static> {
    let item = |at: usize| ItemResult::created(Action::Create, INDEX, id(at), at as u64);
    Response { took_ms: 3, items: (0..ITEMS).map(item).collect() }
}

#[divan::bench]
fn read_body(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher.counter(ItemsCount::new(ITEMS)).bench(|| Items::new(black_box(&body)).filter(Result::is_ok).count());
}

#[divan::bench]
fn write_answer(bencher: Bencher<'_, '_>) {
    let response = response();
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(ITEMS)).bench_local(|| {
        out.clear();
        black_box(&response).write(&mut out);
        out.len()
    });
}

#[divan::bench]
fn read_answer(bencher: Bencher<'_, '_>) {
    let mut out = Vec::new();
    response().write(&mut out);
    bencher
        .counter(ItemsCount::new(ITEMS))
        .bench(|| Response::parse(black_box(&out), ITEMS).map(|response| response.items.len()).map_err(drop));
}
