//! A load generator that counts from the plan.
//!
//! Arrivals, sizes and demands are drawn beforehand from a seed ([`Plan`]); the [`driver`] sends
//! each request when it is due, whatever the server does, and the [`Recorder`] measures every
//! response from the *intended* start. The generator's own lateness is kept beside it, every
//! planned request is accounted for, and whatever casts doubt on a run is a value ([`judge`]).
//!
//! Time and sockets are behind one trait ([`driver::Transport`]) with a simulated twin, so that a
//! whole run happens in a test in no time.

pub mod driver;
pub mod judge;
pub mod plan;
pub mod quantity;
mod recorder;
mod schedule;

pub use driver::{DriveError, drive};
pub use plan::{Arrivals, LoadSpec, Plan, PlanError, PlannedRequest, Reuse};
pub use quantity::{Bytes, Distribution, Nanoseconds, Rate};
pub use recorder::{Ending, Instants, Recorder, RunLog};
pub use schedule::Schedule;
