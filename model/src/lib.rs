//! What theory predicts for a server: in closed form, and by simulation. Pure.
//!
//! In the formulas times are in any one unit and rates in its inverse; the simulator counts in
//! nanoseconds. Every formula names its model, its validity and its source, and outside of its
//! validity it returns an [`Outside`] that says so, never a number.
//!
//! The measurement is drawn beside these formulas, computed from the *achieved* service times of
//! the same run; the difference is the design's overhead.

mod break_even;
mod bursts;
mod closed;
mod erlang;
mod loss;
mod outside;
mod pool;
mod service;
mod sharing;
pub mod simulate;
mod single;
mod stopped;

pub use break_even::{
    WorkerCosts, affordable_worker_on_one_core, break_even_utilisation, capacity_break_even,
    light_load_break_even, utilisation_for_percentile, workers_for_cores,
};
pub use bursts::{burst_crossover, iterative_burst, pool_burst, worker_per_request_burst};
pub use closed::{ClosedLoop, closed_bounds, closed_loop, saturating_clients};
pub use erlang::{erlang_b, erlang_c};
pub use loss::{least_lost_share, lost_share, response_of_the_kept};
pub use outside::Outside;
pub use pool::{
    at_three_deviations, greatest_share, most_at_once, partitioned_mean_response,
    partitioned_percentile, pool_exponential_percentile, pool_mean_response,
};
pub use service::ServiceTimes;
pub use sharing::{busy_workers_throughput, shared_mean_response, tokens_mean_response};
pub use single::{
    iterative_exponential_percentile, iterative_mean_response, iterative_percentile,
    wait_for_a_session,
};
pub use stopped::stopped_server_p99;
