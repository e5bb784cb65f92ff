//! What it costs to ask a hundred policies about a path. Run: `cargo bench -p fim --bench policy`.

use std::path::Path;

use divan::{Bencher, black_box};
use fim::config::{self, Config};
use fim::policy::{Interest, Nowhere, Policies};

fn main() {
    divan::main();
}

/// The shipped policies, and as many more with trees, files, globs and exclusions as make so many.
fn policies(count: usize) -> Option<Policies> {
    let mut config = Config::default();
    let more = count.saturating_sub(fim::policy::shipped().len());
    config.policy.extend((0..more).map(|at| config::Policy {
        id: format!("app-{at}"),
        paths: vec![
            format!("/srv/app{at}/conf/"),
            format!("/opt/app{at}/**/*.so"),
            format!("/etc/app{at}/*.{{conf,pem}}"),
            format!("/usr/lib/app{at}/"),
        ],
        exclude: vec![format!("/srv/app{at}/conf/cache/"), "**/*.bak".to_owned()],
        ..config::Policy::default()
    }));
    Policies::read(&config, &Nowhere).ok()
}

/// A path that many ask for, one that one does, one that is excluded deep down, and one that nobody asks for.
const PATHS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
    "/srv/app42/conf/a/b/main.xml",
    "/srv/app42/conf/cache/1/2/3/4/5/6/object",
    "/home/anna/project/target/debug/deps/libx.rlib",
];

#[divan::bench(args = PATHS)]
fn of(bencher: Bencher<'_, '_>, path: &str) {
    let Some(policies) = policies(100) else { return };
    bencher.bench(|| policies.of(Path::new(black_box(path))));
}

#[divan::bench(args = PATHS)]
fn interest(bencher: Bencher<'_, '_>, path: &str) {
    let Some(policies) = policies(100) else { return };
    let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
    bencher.bench(|| policies.interest(black_box(folder)) == Interest::Some);
}

/// Reading and compiling them, which a reload costs.
#[divan::bench]
fn compile(bencher: Bencher<'_, '_>) {
    bencher.bench(|| policies(black_box(100)).map(|policies| policies.all().len()));
}
