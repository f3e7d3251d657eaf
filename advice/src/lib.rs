//! Chooses a server design for a workload. Pure: no clock, no socket, no file.
//!
//! A workload ([`Asked`]) is put before every design of the catalogue in the simulator of the crate
//! `model`, with what the steps of a server cost ([`MachineCosts`]). The predictions decide; the
//! guidelines say when the simple server is enough, give the reasons in words, and name the doubts.

mod answer;
mod asked;
mod candidates;
mod choice;
mod costs;
mod measure;
mod prediction;
mod real_servers;
mod rules;
mod station;
mod tree;
mod workers;

pub use answer::{Advice, Chosen, advise};
pub use asked::{Asked, Needs, Statistic, Target, Traffic, check_closed};
pub use candidates::obstacle;
pub use choice::{Decision, decide};
pub use costs::MachineCosts;
pub use measure::{Confidence, Reason};
pub use prediction::{PATIENCE_NS, Prediction, predict};
pub use real_servers::{RealServer, real_servers};
pub use rules::Because;
pub use station::{Running, longest_compute_ns, station};
pub use tree::{Step, tree};
