//! A load generator that times each request from its planned start.
//!
//! Arrivals, sizes and demands are determined beforehand by a seed ([`workload::Plan`]). The
//! [`driver`] sends each request when it is due, whatever the server does, and the [`Recorder`]
//! measures every response from the *intended* start. The generator's own lateness is recorded
//! beside it, every planned request is accounted for, and each reason not to trust a run is a value
//! ([`judge`]).
//!
//! Time and sockets are behind one trait ([`driver::Transport`]). A simulated transport implements
//! it as well, so that a test makes a whole run without real time. The protocol between generator
//! and server is an [`exchange`].

mod bursts;
pub mod capacity;
mod cut;
pub mod driver;
pub mod exchange;
pub mod expectation;
mod fast_histogram;
pub mod judge;
pub mod overload;
pub mod progress;
mod recorder;
mod target;
pub mod threads;

pub use driver::{DriveError, drive};
pub use exchange::{Demands, Exchange, HttpRequest, RawReply, Statuses, Template};
pub use progress::Progress;
pub use recorder::{Ending, Instants, Recorder};
pub use target::Target;
