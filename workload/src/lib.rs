//! What is sent and when: loads, and the plans that are drawn from them.
//!
//! A load ([`LoadSpec`]) defines when requests are due ([`Arrivals`], [`Law`]), how they vary
//! ([`Distribution`]), and which clients send them. A [`Plan`] is drawn from it by a seed; a
//! [`Schedule`] gives the request that is due next. Several generators each carry out one [`Shard`]
//! of a plan.
//!
//! Numbers are drawn with the functions of the crate `libm`, which give the same bits on every
//! processor. Those of the C library round differently where the processor has fused multiply-add.
//! A seed therefore means the same plan everywhere.
//!
//! Pure: no file, no socket, no clock. The load generator sends plans, and models follow them.

mod arrivals;
mod connection;
mod digest;
mod distribution;
mod law;
mod list;
mod load;
mod network;
mod plan;
mod random;
mod rate;
mod requests;
mod schedule;
mod session;
mod shard;
mod trace;

pub use arrivals::Arrivals;
pub use connection::{Close, Reuse};
pub use digest::eight_digits;
pub use distribution::{Distribution, Draw, Samples};
pub use law::Law;
pub use list::{read_distribution, read_law};
pub use load::{LoadSpec, MAX_REQUESTS, PlanError};
pub use network::{Fate, Fates, Network};
pub use plan::Plan;
pub use random::Uniform;
pub use rate::Rate;
pub use requests::{PlannedRequest, Requests};
pub use schedule::Schedule;
pub use session::{Session, SessionLength};
pub use shard::Shard;
pub use trace::Trace;
