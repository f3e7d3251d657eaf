//! A load generator that counts from the plan.
//!
//! Arrivals, sizes and demands are determined beforehand by a seed ([`workload::Plan`]); the [`driver`]
//! sends each request when it is due, whatever the server does, and the [`Recorder`] measures
//! every response from the *intended* start. The generator's own lateness is kept beside it, every
//! planned request is accounted for, and whatever casts doubt on a run is a value ([`judge`]).
//!
//! Time and sockets are behind one trait ([`driver::Transport`]) with a simulated twin, so that a
//! whole run happens in a test in no time. What is said over the sockets is an [`exchange`].

mod bursts;
pub mod capacity;
mod cut;
pub mod driver;
pub mod exchange;
pub mod expectation;
mod fast_histogram;
pub mod judge;
pub mod progress;
mod recorder;
mod target;
pub mod threads;

pub use driver::{DriveError, drive};
pub use exchange::{Exchange, HttpRequest, RawReply, Statuses};
pub use progress::Progress;
pub use recorder::{Ending, Instants, Recorder};
pub use target::Target;
