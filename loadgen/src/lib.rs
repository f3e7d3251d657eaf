//! A load generator that counts from the plan.
//!
//! Arrivals, sizes and demands are determined beforehand by a seed ([`Plan`]); the [`driver`]
//! sends each request when it is due, whatever the server does, and the [`Recorder`] measures
//! every response from the *intended* start. The generator's own lateness is kept beside it, every
//! planned request is accounted for, and whatever casts doubt on a run is a value ([`judge`]).
//!
//! Time and sockets are behind one trait ([`driver::Transport`]) with a simulated twin, so that a
//! whole run happens in a test in no time. What is said over the sockets is an [`exchange`].

pub mod arrivals;
mod bursts;
pub mod capacity;
mod cut;
pub mod distribution;
pub mod driver;
pub mod exchange;
pub mod expectation;
pub mod judge;
pub mod plan;
pub mod progress;
pub mod quantity;
mod random;
mod recorder;
mod schedule;
mod times;

pub use arrivals::{Arrivals, Trace};
pub use distribution::{Distribution, Samples};
pub use driver::{DriveError, drive};
pub use exchange::{Exchange, HttpRequest, RawReply, Statuses};
pub use plan::{
    Close, LoadSpec, Plan, PlanError, PlannedRequest, Reuse, Session, SessionLength, Share,
};
pub use progress::Progress;
pub use quantity::{Bytes, Nanoseconds, Rate};
pub use recorder::{Ending, Instants, Recorder, RunLog};
pub use schedule::Schedule;
