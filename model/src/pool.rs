//! Several servers that share one queue, and several that have a queue each.

use crate::erlang::erlang_c;
use crate::outside::{Outside, between_0_and_1, not_negative, positive};
use crate::service::ServiceTimes;
use crate::single::{bisect, iterative_mean_response, iterative_percentile};

/// The greatest C² for which two moments describe a pool well enough.
const TWO_MOMENTS_SUFFICE: f64 = 4.0;

/// Mean response time of a pool of `servers` that share one queue (M/G/c), after Lee and Longton:
/// `p + (1+C²)/2 · C(c, λp) · p/(c − λp)`.
///
/// `service` is the mean service time and `squared_variation` its C². Exact for C² = 1 (M/M/c) and
/// for one server; within 3 % for less; refused above C² = 4, where no formula of two moments is
/// accurate (−7 % to +30 % at 24.5): simulate instead.
///
/// Source: Erlang 1917; Lee & Longton 1959; Gupta, Harchol-Balter, Dai & Zwart 2010 on the limit.
///
/// # Errors
/// If the load is at least the capacity, C² is above 4 for more than one server, or an input is
/// impossible.
pub fn pool_mean_response(
    servers: u32,
    rate: f64,
    service: f64,
    squared_variation: f64,
) -> Result<f64, Outside> {
    let (rate, service) = (not_negative("the rate", rate)?, not_negative("the service", service)?);
    let squared_variation = not_negative("C²", squared_variation)?;
    if servers > 1 && squared_variation > TWO_MOMENTS_SUFFICE {
        return Err(Outside::NotCovered(
            "above C² = 4 no formula for several servers is accurate; simulate instead",
        ));
    }
    let offered = rate * service;
    let waits = erlang_c(servers, offered)?;
    let wait = waits * service / (f64::from(servers) - offered);
    Ok(service + (1.0 + squared_variation) / 2.0 * wait)
}

/// A percentile of the response time of a pool with exponential service (M/M/c), exact.
///
/// A request waits with probability C, then for an exponential time of rate `c/p − λ`; its service
/// is added to that.
///
/// Source: Kleinrock, *Queueing Systems* vol. 1, 1975, section 3.5 and exercise 5.29.
///
/// # Errors
/// If the load is at least the capacity, or an input is impossible.
pub fn pool_exponential_percentile(
    servers: u32,
    rate: f64,
    service: f64,
    quantile: f64,
) -> Result<f64, Outside> {
    let quantile = between_0_and_1("the quantile", quantile)?;
    let service = positive("the mean service time", service)?;
    let waits = erlang_c(servers, not_negative("the rate", rate)? * service)?;
    let (leaves, clears) = (1.0 / service, f64::from(servers) / service - rate);
    // P(T > t), with the wait's rate `clears` and the service's rate `leaves`.
    let longer = |time: f64| {
        let alone = libm::exp(-leaves * time);
        let gap = clears - leaves;
        let both = if gap.abs() < 1e-9 * leaves {
            alone * (1.0 + leaves * time)
        } else {
            (clears * alone - leaves * libm::exp(-clears * time)) / gap
        };
        (1.0 - waits) * alone + waits * both
    };
    let left = 1.0 - quantile;
    let mut high = service - libm::log(left) * service;
    while longer(high) > left {
        high *= 2.0;
    }
    Ok(bisect(0.0, high, |time| longer(time) <= left))
}

/// Mean response time where arrivals are divided among servers with a queue each, by their shares:
/// Σ sᵢ·E[T of an M/G/1 at λsᵢ]. Requests are independent of each other.
///
/// Source: splitting of a Poisson process; Harchol-Balter 2013, ch. 24.
///
/// # Errors
/// If one of them gets more than it can serve, whatever the others do, or an input is impossible.
pub fn partitioned_mean_response(
    shares: &[f64],
    rate: f64,
    service: f64,
    squared_variation: f64,
) -> Result<f64, Outside> {
    let each = |share: &f64| {
        let share = not_negative("a share", *share)?;
        Ok(share * iterative_mean_response(rate * share, service, squared_variation)?)
    };
    shares.iter().map(each).sum()
}

/// A percentile of the response time of `servers` with a queue each and equal shares.
///
/// # Errors
/// As [`iterative_percentile`].
pub fn partitioned_percentile(
    servers: u32,
    rate: f64,
    service: &ServiceTimes,
    quantile: f64,
) -> Result<f64, Outside> {
    iterative_percentile(rate / f64::from(servers.max(1)), service, quantile)
}

/// The greatest share that one of `servers` gets of `clients` that are dealt out at random, about:
/// `1/k + √(2 ln k/(nk))`, at most 1.
///
/// Source: Raab & Steger, "Balls into Bins", 1998, for many clients a server.
#[must_use]
pub fn greatest_share(servers: u32, clients: u32) -> f64 {
    let (k, n) = (f64::from(servers.max(1)), f64::from(clients.max(1)));
    (1.0 / k + (2.0 * libm::log(k) / (n * k)).sqrt()).min(1.0)
}

/// How many requests are in service at once where each is served as soon as it comes (M/G/∞):
/// Poisson with mean `rate·service`; this is its upper limit at three deviations. Limits of
/// descriptors and threads follow from it.
///
/// Source: Riordan 1951; Harchol-Balter 2013, ch. 15.
///
/// # Errors
/// If an input is negative.
pub fn most_at_once(rate: f64, service: f64) -> Result<f64, Outside> {
    let mean = not_negative("the rate", rate)? * not_negative("the service", service)?;
    Ok(at_three_deviations(mean))
}

/// The upper limit, at three deviations, of what is Poisson with this mean.
#[must_use]
pub fn at_three_deviations(mean: f64) -> f64 {
    mean + 3.0 * mean.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(servers: u32, rate: f64, service: f64) -> f64 {
        pool_mean_response(servers, rate, service, 1.0).expect("below capacity")
    }

    #[test]
    fn a_pool_of_one_is_m_m_1_and_of_four_the_tables() {
        assert!((pool(1, 0.8, 1.0) - 5.0).abs() < 1e-9);
        assert!((pool(4, 3.2, 1.0) - 1.746).abs() < 1e-3);
        assert!(pool_mean_response(2, 2.0, 1.0, 1.0).is_err());
        for scale in [0.5, 2.0, 1e-6] {
            assert!((pool(4, 2.8 / scale, scale) / scale / pool(4, 2.8, 1.0) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn two_moments_are_refused_where_they_do_not_suffice() {
        assert!(matches!(pool_mean_response(2, 1.0, 1.0, 24.5), Err(Outside::NotCovered(_))));
        let one = pool_mean_response(1, 0.7, 1.0, 24.5).expect("exact for one server");
        assert!((one - 30.75).abs() < 0.02);
    }

    #[test]
    fn percentiles_of_a_pool_of_one_are_those_of_m_m_1() {
        for quantile in [0.5, 0.99] {
            let found = pool_exponential_percentile(1, 0.7, 1.0, quantile).expect("valid");
            let exact = -(1.0_f64 - quantile).ln() / 0.3;
            assert!((found / exact - 1.0).abs() < 1e-6, "{found} and {exact}");
        }
        // Many servers and little load: the service time itself.
        let alone = pool_exponential_percentile(64, 1.0, 1.0, 0.99).expect("valid");
        assert!((alone / 100.0_f64.ln() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_queue_for_each_server_is_slower_than_one_for_all() {
        let apart = partitioned_mean_response(&[1.0 / 16.0; 16], 0.7 * 16.0, 1.0, 1.0);
        let apart = apart.expect("below capacity");
        assert!((apart - 3.333).abs() < 1e-3, "{apart}");
        assert!(pool(16, 0.7 * 16.0, 1.0) < 1.05);
        assert!(partitioned_mean_response(&[0.9, 0.1], 1.2, 1.0, 1.0).is_err());
        let p99 = partitioned_percentile(16, 11.2, &ServiceTimes::fixed(1.0), 0.99);
        assert!((p99.expect("valid") - 7.4).abs() < 0.2);
    }

    #[test]
    fn few_clients_are_dealt_out_unevenly() {
        assert_eq!(greatest_share(1, 10), 1.0);
        assert!(greatest_share(4, 16) > 0.4 && greatest_share(4, 1_000_000) < 0.251);
        let most = most_at_once(100.0, 1.0).expect("valid");
        assert_eq!(most, 130.0);
    }
}
