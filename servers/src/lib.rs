//! The classic server designs, one per file, all serving the same services.
//!
//! A *design* ([`catalogue`], `tcp/*.rs`, `udp/*.rs`) decides which worker serves a client, and
//! when. A *service* ([`service`]) decides what the reply is. They meet in the [`Context`], so that
//! any difference in time between two designs is due to the designs. Everything that is not
//! specific to a design is below it: sockets ([`socket`]), workers ([`worker`]), the processing
//! that a request asks for ([`processing`]), the conversation with a client ([`talk`]), timers
//! ([`timers`]), counts ([`tally`]), bounds ([`limits`]), start and end ([`supervisor`]).
//!
//! Begin with `udp/iterative.rs`; `servers/README.md` gives the reading order.

mod all_services;
pub mod axes;
pub mod catalogue;
pub mod clock;
pub mod context;
pub mod descriptor;
pub mod design;
pub mod limits;
pub mod lock;
pub mod loops;
pub mod patience;
pub mod permits;
pub mod preflight;
pub mod processing;
mod readiness;
mod ring;
mod serve_error;
pub mod service;
pub mod socket;
pub mod superserver;
pub mod supervisor;
pub mod talk;
pub mod tally;
pub mod tcp;
pub mod timers;
pub mod tuning;
pub mod udp;
pub mod worker;

pub use axes::{Allocation, Concurrency, Intake, Stays, WorkUnit};
pub use catalogue::CATALOGUE;
pub use context::Context;
pub use design::Design;
pub use limits::Limits;
pub use serve_error::ServeError;
pub use service::Service;
pub use tuning::{Dispatch, Tuning};
