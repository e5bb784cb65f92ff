//! How far a scan is, on a terminal, once it takes longer than two seconds.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes less shows nothing.
const QUIET: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), bar: None }
    }

    /// So many objects and bytes, of about so many objects (0: nobody knows).
    pub(super) fn at(&mut self, entries: u64, bytes: u64, of: u64) {
        if self.bar.is_none() && self.since.elapsed() >= QUIET && io::stderr().is_terminal() {
            self.bar = Some(bar(of));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(of.max(entries));
            bar.set_position(entries);
            bar.set_message(format!("{} MiB read", bytes >> 20));
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(of: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr());
    let template =
        if of == 0 { "{spinner} {pos} looked at, {msg} {elapsed}" } else { "{bar:32} {pos}/{len} {msg} {elapsed}" };
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
