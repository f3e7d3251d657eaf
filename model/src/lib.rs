//! What theory predicts for a server, in closed form. Pure; times in any one unit, rates in its
//! inverse.
//!
//! The measurement is drawn beside these formulas, computed from the *achieved* service times of
//! the same run; the difference is the design's overhead.

/// Mean response time of an iterative server under Poisson arrivals (M/G/1, first come first
/// served): `p + ρ/(1−ρ) · p · (1+C²)/2`.
///
/// `service` is the mean service time, `squared_variation` its C². `None` at or beyond
/// saturation, where there is no mean.
///
/// Source: Pollaczek 1930, Khinchine 1932; Harchol-Balter, *Performance Modeling and Design of
/// Computer Systems*, ch. 23.
#[must_use]
pub fn iterative_mean_response(rate: f64, service: f64, squared_variation: f64) -> Option<f64> {
    let utilisation = rate * service;
    (utilisation < 1.0).then(|| {
        service + utilisation / (1.0 - utilisation) * service * (1.0 + squared_variation) / 2.0
    })
}

/// A percentile of the response time of an iterative server with exponential service (M/M/1):
/// the response time is itself exponential, `ln(1/(1−q)) · p/(1−ρ)`. `quantile` is in 0 to 1.
#[must_use]
pub fn iterative_exponential_percentile(rate: f64, service: f64, quantile: f64) -> Option<f64> {
    let mean = iterative_mean_response(rate, service, 1.0)?;
    Some(-(1.0 - quantile).ln() * mean)
}

/// Mean response time of a pool of `servers` that share one queue, M/M/c: Poisson arrivals at
/// `rate`, exponential service times of mean `service` (Erlang 1917; Kleinrock 1975, section 3.5).
/// `None` where the load is beyond the capacity.
#[must_use]
pub fn pool_mean_response(servers: u32, rate: f64, service: f64) -> Option<f64> {
    let (count, offered) = (f64::from(servers), rate * service);
    let utilisation = offered / count;
    if utilisation >= 1.0 {
        return None;
    }
    // Erlang's B by its recursion, then C, the probability of having to wait.
    let blocked = (1..=servers)
        .fold(1.0, |blocked, busy| offered * blocked / (f64::from(busy) + offered * blocked));
    let waits = blocked / (1.0 - utilisation * (1.0 - blocked));
    Some(service + waits * service / (count * (1.0 - utilisation)))
}

/// The response times of a pool of `servers` that share one queue, first come first served, for
/// known requests. Each request is a pair of its instant of arrival, in ascending order, and its
/// service time (Lindley 1952 for one server, Kiefer and Wolfowitz 1955 for more).
pub fn queue_response_times(
    servers: u32,
    requests: impl IntoIterator<Item = (f64, f64)>,
) -> Vec<f64> {
    let mut free_at = vec![f64::NEG_INFINITY; servers.max(1) as usize];
    let respond = |(arrival, service): (f64, f64)| {
        // The server that is free first takes the request.
        let first = (0..free_at.len()).min_by(|a, b| free_at[*a].total_cmp(&free_at[*b]));
        let taker = first.unwrap_or(0);
        free_at[taker] = free_at[taker].max(arrival) + service;
        free_at[taker] - arrival
    };
    requests.into_iter().map(respond).collect()
}

/// The 99th percentile, from the intended start, of a run of length `run` at utilisation
/// `utilisation` during which the server stood still once for `stop`. Requests due during the stop
/// wait from 0 to `stop`, evenly, and the backlog is processed with the spare capacity, so
/// `p99 = stop − 0.01 · run · (1−ρ)`. Valid where that is well above the ordinary response time.
#[must_use]
pub fn stopped_server_p99(stop: f64, run: f64, utilisation: f64) -> f64 {
    stop - 0.01 * run * (1.0 - utilisation)
}

/// Mean response time of `n` requests that come at once to an iterative server:
/// `(n+1)/2 · p`.
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

    fn close(left: f64, right: f64) -> bool {
        (left / right - 1.0).abs() < 1e-3
    }

    #[test]
    fn the_mean_agrees_with_published_simulations() {
        // M/D/1 and M/M/1 at ρ = 0.7; 1 % of requests 100 times longer (C² = 24.5 for p = 1).
        assert!(close(iterative_mean_response(0.7, 1.0, 0.0).unwrap_or(0.0), 2.167));
        assert!(close(iterative_mean_response(0.7, 1.0, 1.0).unwrap_or(0.0), 3.333));
        let bimodal = iterative_mean_response(0.7, 1.0, 24.5).unwrap_or(0.0);
        assert!((bimodal - 30.75).abs() < 0.02, "{bimodal}");
        assert_eq!(iterative_mean_response(1.0, 1.0, 1.0), None);
    }

    #[test]
    fn the_exponential_percentile_is_ln_100_means() {
        let p99 = iterative_exponential_percentile(0.5, 1.0, 0.99).unwrap_or(0.0);
        assert!(close(p99, 2.0 * 100.0_f64.ln()));
    }

    #[test]
    fn at_the_crossover_the_two_bursts_take_the_same_time() {
        for n in [2, 8, 32] {
            let p = burst_crossover(n, 20.0).unwrap_or(0.0);
            assert!(close(iterative_burst(n, p), worker_per_request_burst(n, 20.0, p)));
        }
        assert!(close(burst_crossover(2, 20.0).unwrap_or(0.0), 60.0));
        assert_eq!(burst_crossover(1, 20.0), None);
    }

    #[test]
    fn a_stop_shows_less_what_a_hundredth_of_the_run_hides() {
        assert!(close(stopped_server_p99(1.5, 30.0, 0.0), 1.2));
    }

    #[test]
    fn a_pool_of_one_is_m_m_1_and_of_four_the_tables() {
        let one = pool_mean_response(1, 0.8, 1.0).expect("below capacity");
        assert!((one - 5.0).abs() < 1e-9);
        let four = pool_mean_response(4, 3.2, 1.0).expect("below capacity");
        assert!((four - 1.746).abs() < 1e-3, "{four}");
        assert_eq!(pool_mean_response(2, 2.0, 1.0), None);
    }

    #[test]
    fn a_server_that_is_twice_as_slow_at_half_the_rate_takes_twice_as_long() {
        for scale in [0.5, 2.0, 1e-6] {
            let [rate, service] = [0.7 / scale, scale];
            let mean =
                |rate, service| iterative_mean_response(rate, service, 3.0).expect("below 1");
            assert!(close(mean(rate, service), scale * mean(0.7, 1.0)), "{scale}");
            let pool =
                |rate, service| pool_mean_response(4, rate, service).expect("below capacity");
            assert!(close(pool(4.0 * rate, service), scale * pool(2.8, 1.0)), "{scale}");
        }
    }

    #[test]
    fn a_busier_server_shows_more_of_a_stop() {
        assert!(close(stopped_server_p99(1.5, 30.0, 0.5), 1.35));
        assert!(close(stopped_server_p99(3.0, 60.0, 0.5), 2.7));
    }

    /// Numbers above 0 up to 1, as if at random: SplitMix64.
    fn uniform(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn requests_that_come_while_one_is_served_wait_for_it() {
        let requests = [(0.0, 2.0), (1.0, 2.0), (10.0, 1.0)];
        assert_eq!(queue_response_times(1, requests), [2.0, 3.0, 1.0]);
        assert_eq!(queue_response_times(2, requests), [2.0, 2.0, 1.0]);
    }

    #[test]
    fn a_queue_that_is_followed_agrees_with_the_formulas() {
        for (servers, rate) in [(1, 0.6), (4, 3.2)] {
            let (mut state, mut now) = (1, 0.0);
            let mut exponential = || -uniform(&mut state).ln();
            let requests: Vec<(f64, f64)> = (0..400_000)
                .map(|_| {
                    now += exponential() / rate;
                    (now, exponential())
                })
                .collect();
            let times = queue_response_times(servers, requests);
            let mean = times.iter().sum::<f64>() / times.len() as f64;
            let exact = pool_mean_response(servers, rate, 1.0).expect("below capacity");
            assert!((mean / exact - 1.0).abs() < 0.05, "{servers}: {mean} and {exact}");
        }
    }
}
