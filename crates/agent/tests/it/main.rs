//! The pipe from a sink to a server that behaves in every way a server can.

mod fake;
mod kill;
mod replay;
mod shipping;
