//! Bursts: requests that come at once.

/// Mean response time of `n` requests that come at once to an iterative server:
/// `(n+1)/2 · p`.
///
/// Source: Comer & Stevens, *Internetworking with TCP/IP* vol. III, ch. 8, made exact.
#[must_use]
pub fn iterative_burst(n: u32, service: f64) -> f64 {
    (f64::from(n) + 1.0) / 2.0 * service
}

/// The same if each request gets a worker, the master creates the workers one after the other at
/// the cost `creation`, and the services overlap: `(n+1)/2 · c + p`.
#[must_use]
pub fn worker_per_request_burst(n: u32, creation: f64, service: f64) -> f64 {
    (f64::from(n) + 1.0) / 2.0 * creation + service
}

/// The same for a pool of `workers` that are served first come first served, none in the queue
/// before: the mean over the rounds in which they are served, `p` for the first `workers` of them,
/// `2p` for the next, and so on.
#[must_use]
pub fn pool_burst(n: u32, workers: u32, service: f64) -> f64 {
    let (n, workers) = (u64::from(n.max(1)), u64::from(workers.max(1)));
    let (rounds, left) = (n / workers, n % workers);
    // Sum of workers·(1 + 2 + … + rounds) + left·(rounds + 1).
    let sum = workers as f64 * (rounds as f64 * (rounds as f64 + 1.0) / 2.0)
        + left as f64 * (rounds as f64 + 1.0);
    sum / n as f64 * service
}

/// The service time above which a worker for each request beats the iterative server on a burst
/// of `n`, where services overlap: `c · (n+1)/(n−1)`. `None` for a burst of one, which never
/// gains.
#[must_use]
pub fn burst_crossover(n: u32, creation: f64) -> Option<f64> {
    (n > 1).then(|| creation * (f64::from(n) + 1.0) / (f64::from(n) - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_crossover_the_two_bursts_take_the_same_time() {
        for n in [2, 8, 32] {
            let p = burst_crossover(n, 20.0).expect("more than one");
            let (one, other) = (iterative_burst(n, p), worker_per_request_burst(n, 20.0, p));
            assert!((one / other - 1.0).abs() < 1e-9);
        }
        assert_eq!(burst_crossover(2, 20.0), Some(60.0));
        assert_eq!(burst_crossover(1, 20.0), None);
    }

    #[test]
    fn a_pool_of_one_is_iterative_and_a_large_one_serves_all_at_once() {
        assert_eq!(pool_burst(8, 1, 3.0), iterative_burst(8, 3.0));
        assert_eq!(pool_burst(8, 8, 3.0), 3.0);
        assert_eq!(pool_burst(8, 2, 1.0), 2.5);
        assert_eq!(pool_burst(3, 2, 1.0), 4.0 / 3.0);
    }
}
