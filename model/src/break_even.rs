//! Where concurrency begins to pay: processing times and loads at which two designs are equal.

use crate::outside::{Outside, between_0_and_1, not_negative, positive};
use crate::single::iterative_mean_response;

/// The costs of a worker for each request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerCosts {
    /// Processor time that the master spends on a request before it can take the next one.
    pub master: f64,
    /// All processor time that the worker costs besides the request's own: creation, switches, end.
    pub worker: f64,
    /// From the decision to create a worker to its first instruction.
    pub start: f64,
}

/// The processing time above which a worker for each request has the greater capacity: `max(d_m,
/// d/(c − 1 + f))`. `waiting` is the share of processing that waits, f. `None` if it never has: one
/// core and no waiting.
///
/// The iterative server serves 1/p, the concurrent one min(1/d_m, c/((1−f)p + d)).
///
/// Source: the bounds of Denning & Buzen 1978.
///
/// # Errors
/// If an input is impossible.
pub fn capacity_break_even(
    cores: u32,
    waiting: f64,
    costs: WorkerCosts,
) -> Result<Option<f64>, Outside> {
    let waiting = not_negative("the waiting share", waiting)?.min(1.0);
    let spare = f64::from(cores) - 1.0 + waiting;
    Ok((spare > 0.0).then(|| costs.master.max(costs.worker / spare)))
}

/// The processing time above which a worker for each request has the shorter mean response time
/// under Poisson arrivals at `rate`, if services overlap: `√(2δ/(λ(1+C²)))`. Exact to 1 % for four
/// cores or more and to 10 % for two, as long as δ is at most a tenth of the processing.
///
/// Source: Pollaczek–Khinchine with the start latency δ on the other side.
///
/// # Errors
/// If an input is impossible.
pub fn light_load_break_even(
    rate: f64,
    squared_variation: f64,
    start: f64,
) -> Result<f64, Outside> {
    let (rate, start) = (positive("the rate", rate)?, not_negative("the start latency", start)?);
    let spread = 1.0 + not_negative("C²", squared_variation)?;
    Ok((2.0 * start / (rate * spread)).sqrt())
}

/// The utilisation of the iterative server above which the same holds, for a processing time:
/// `u* = 2δ/p / (1 + C² + 2δ/p)`.
///
/// Source: as [`light_load_break_even`].
///
/// # Errors
/// If an input is impossible.
pub fn break_even_utilisation(
    service: f64,
    squared_variation: f64,
    start: f64,
) -> Result<f64, Outside> {
    let relative =
        2.0 * not_negative("the start latency", start)? / positive("the service", service)?;
    Ok(relative / (1.0 + not_negative("C²", squared_variation)? + relative))
}

/// The cost of a worker up to which it pays on *one* core that shares its time evenly, for requests
/// that only compute: `T/(1 + λT) − p` with T the iterative server's mean response time. Negative or
/// 0 where it never pays, which is so for C² ≤ 1.
///
/// Source: processor sharing's `x/(1 − λx)` set equal to Pollaczek–Khinchine.
///
/// # Errors
/// If the iterative server is overloaded, or an input is impossible.
pub fn affordable_worker_on_one_core(
    rate: f64,
    service: f64,
    squared_variation: f64,
) -> Result<f64, Outside> {
    let response = iterative_mean_response(rate, service, squared_variation)?;
    Ok(response / (1.0 + rate * response) - service)
}

/// The utilisation of an iterative server (M/M/1) at which its percentile reaches `target`:
/// `1 − p·ln(1/(1−q))/target`; 0 or less where it is missed without any load.
///
/// Source: [`crate::iterative_exponential_percentile`], solved for ρ.
///
/// # Errors
/// If an input is impossible.
pub fn utilisation_for_percentile(
    service: f64,
    quantile: f64,
    target: f64,
) -> Result<f64, Outside> {
    let (service, target) = (positive("the service", service)?, positive("the target", target)?);
    Ok(1.0 + libm::log1p(-between_0_and_1("the quantile", quantile)?) * service / target)
}

/// The workers that a pool needs so that it does not limit its cores: `c·(1 + y/x)`; the rate times
/// the processing time at the greatest rate. `None` where requests only wait: no number is enough.
///
/// Source: Goetz et al., *Java Concurrency in Practice*, 2006, section 8.2; Little 1961.
///
/// # Errors
/// If an input is impossible.
pub fn workers_for_cores(cores: u32, compute: f64, wait: f64) -> Result<Option<f64>, Outside> {
    let (compute, wait) = (not_negative("computing", compute)?, not_negative("waiting", wait)?);
    Ok((compute > 0.0).then(|| f64::from(cores) * (1.0 + wait / compute)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::shared_mean_response;

    const COSTS: WorkerCosts = WorkerCosts { master: 10.0, worker: 30.0, start: 50.0 };

    #[test]
    fn one_core_without_waiting_never_gains_capacity() {
        assert_eq!(capacity_break_even(1, 0.0, COSTS), Ok(None));
        assert_eq!(capacity_break_even(2, 0.0, COSTS), Ok(Some(30.0)));
        assert_eq!(capacity_break_even(1, 0.5, COSTS), Ok(Some(60.0)));
        assert_eq!(capacity_break_even(64, 0.5, COSTS), Ok(Some(10.0)));
    }

    #[test]
    fn the_light_load_forms_agree_with_each_other() {
        let (service, start) = (1000.0, 50.0);
        let utilisation = break_even_utilisation(service, 1.0, start).expect("valid");
        assert!((utilisation - 0.0476).abs() < 1e-4, "{utilisation}");
        let back = light_load_break_even(utilisation / service, 1.0, start).expect("valid");
        assert!((back / service - 1.0).abs() < 0.03, "{back}");
    }

    #[test]
    fn equal_requests_on_one_core_leave_nothing_for_a_worker() {
        for variation in [0.0, 1.0] {
            let left = affordable_worker_on_one_core(0.5, 1.0, variation).expect("valid");
            assert!(left < 1e-9, "{variation}: {left}");
        }
        let left = affordable_worker_on_one_core(0.5, 1.0, 24.5).expect("valid");
        let shared = shared_mean_response(1, 0.5, 1.0 + left, 0.0).expect("valid");
        let iterative = iterative_mean_response(0.5, 1.0, 24.5).expect("valid");
        assert!((shared / iterative - 1.0).abs() < 1e-9, "{shared} and {iterative}");
    }

    #[test]
    fn a_target_gives_a_load_and_a_pool_its_workers() {
        let load = utilisation_for_percentile(1.0, 0.99, 10.0).expect("valid");
        let back = crate::single::iterative_exponential_percentile(load, 1.0, 0.99);
        assert!((back.expect("valid") - 10.0).abs() < 1e-9);
        assert_eq!(workers_for_cores(2, 0.2, 0.8), Ok(Some(10.0)));
        assert_eq!(workers_for_cores(2, 0.0, 0.8), Ok(None));
    }
}
