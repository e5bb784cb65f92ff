//! What tests and benches share: recordings at hand, generated events, deadlines. Never shipped.

pub mod fim;
pub mod generate;
pub mod live;
pub mod random;
mod recording;
mod wait;

pub use recording::{data_dir, recording, unpacked};
pub use wait::{Deadline, eventually};
