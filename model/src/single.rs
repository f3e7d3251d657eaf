//! One server, first come first served: the iterative server, and the computing of an event loop.

use crate::outside::{Outside, below_capacity, between_0_and_1, not_negative, positive};
use crate::service::ServiceTimes;

/// Nodes of the lattice on which the waiting time is computed.
const NODES: usize = 4096;

/// Mean response time under Poisson arrivals (M/G/1): `p + ρ/(1−ρ) · p · (1+C²)/2`.
///
/// `rate` in arrivals per unit of time, `service` the mean service time, `squared_variation` its C².
/// Exact for independent service times.
///
/// Source: Pollaczek 1930, Khinchine 1932; Harchol-Balter, *Performance Modeling and Design of
/// Computer Systems*, 2013, ch. 23.
///
/// # Errors
/// If the load is at least the capacity, or an input is negative.
pub fn iterative_mean_response(
    rate: f64,
    service: f64,
    squared_variation: f64,
) -> Result<f64, Outside> {
    let (rate, service) = (not_negative("the rate", rate)?, not_negative("the service", service)?);
    let squared_variation = not_negative("C²", squared_variation)?;
    let utilisation = below_capacity(rate * service)?;
    Ok(service + utilisation / (1.0 - utilisation) * service * (1.0 + squared_variation) / 2.0)
}

/// A percentile of the response time with exponential service (M/M/1): the response time is itself
/// exponential, `ln(1/(1−q)) · p/(1−ρ)`. `quantile` lies between 0 and 1.
///
/// Source: Kleinrock, *Queueing Systems* vol. 1, 1975, section 5.12.
///
/// # Errors
/// If the load is at least the capacity, or an input is impossible.
pub fn iterative_exponential_percentile(
    rate: f64,
    service: f64,
    quantile: f64,
) -> Result<f64, Outside> {
    let quantile = between_0_and_1("the quantile", quantile)?;
    Ok(-libm::log1p(-quantile) * iterative_mean_response(rate, service, 1.0)?)
}

/// A percentile of the response time for any service times (M/G/1), by recursion on a lattice.
///
/// The waiting time is a geometric sum of equilibrium residual service times, whose distribution
/// follows from Panjer's recursion. The lattice has 4,096 steps and is as long as the percentile
/// needs; the result is within 1 % of the exact one for quantiles of 0.5 to 0.999.
///
/// Source: Beneš 1957 for the geometric sum; Panjer 1981 for the recursion.
///
/// # Errors
/// If the load is at least the capacity, or an input is impossible.
pub fn iterative_percentile(
    rate: f64,
    service: &ServiceTimes,
    quantile: f64,
) -> Result<f64, Outside> {
    let rate = not_negative("the rate", rate)?;
    let service = service.checked()?;
    let quantile = between_0_and_1("the quantile", quantile)?;
    let mean = positive("the mean service time", service.mean())?;
    let utilisation = below_capacity(rate * mean)?;
    let response = iterative_mean_response(rate, mean, service.squared_variation())?;
    let mut length = 3.0 * response + quantile_of(service, quantile);
    loop {
        let waiting = Waiting::on_lattice(utilisation, service, length / NODES as f64);
        let reached = |time: f64| waiting.response_within(service, time);
        if reached(length) > quantile {
            return Ok(bisect(0.0, length, |time| reached(time) > quantile));
        }
        length *= 2.0;
    }
}

/// The least time that a fraction `quantile` of the service times does not exceed.
fn quantile_of(service: &ServiceTimes, quantile: f64) -> f64 {
    let mut sum = 0.0;
    for (value, weight) in service.points() {
        sum += weight;
        if sum >= quantile {
            return *value;
        }
    }
    service.largest()
}

/// The least point in an interval from which on `holds`, to a part in a million of the interval.
pub(crate) fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}

/// The distribution of the waiting time: the probability of none, and of each step of the lattice.
struct Waiting {
    step: f64,
    /// The probability that a wait is at most half a step beyond each node.
    within: Vec<f64>,
    none: f64,
}

impl Waiting {
    fn on_lattice(utilisation: f64, service: &ServiceTimes, step: f64) -> Self {
        let residual = residual_on_lattice(service, step);
        let scale = 1.0 - utilisation * residual[0];
        let mut masses = vec![0.0; NODES + 1];
        masses[0] = (1.0 - utilisation) / scale;
        for node in 1..=NODES {
            let last = node.min(residual.len() - 1);
            let earlier = (1..=last).map(|back| residual[back] * masses[node - back]);
            masses[node] = utilisation / scale * earlier.sum::<f64>();
        }
        let mut sum = 0.0;
        let within = masses
            .iter()
            .map(|mass| {
                sum += mass;
                sum
            })
            .collect();
        Self { step, within, none: 1.0 - utilisation }
    }

    /// The probability that the wait is at most `time`. The mass of a node lies within half a step
    /// of it; not waiting at all has a mass of its own.
    fn at_most(&self, time: f64) -> f64 {
        if time < 0.0 {
            return 0.0;
        }
        let place = time / self.step + 0.5;
        let node = place as usize;
        if node == 0 || place < 1.0 {
            let of_half = (time / self.step * 2.0).min(1.0);
            return self.none + (self.within[0] - self.none) * of_half;
        }
        let Some(after) = self.within.get(node) else { return self.within[NODES] };
        let before = self.within[node - 1];
        before + (after - before) * (place - node as f64)
    }

    /// The probability that waiting and service together take at most `time`.
    fn response_within(&self, service: &ServiceTimes, time: f64) -> f64 {
        service.points().iter().map(|(value, weight)| weight * self.at_most(time - value)).sum()
    }
}

/// The equilibrium residual service time, with density `P(S > t)/E[S]`, as masses on the nodes of a
/// lattice. Each piece of density is divided between its two nodes so that the mean is kept.
fn residual_on_lattice(service: &ServiceTimes, step: f64) -> Vec<f64> {
    let mean = service.mean();
    let nodes = ((service.largest() / step).ceil() as usize + 2).min(NODES + 2);
    // The second integral of the density at each node, from sums over smaller and greater values.
    let points = service.points();
    let (mut next, mut smaller_weight, mut smaller_square) = (0, 0.0, 0.0);
    let mut smaller_value = 0.0;
    let second: Vec<f64> = (0..=nodes)
        .map(|node| {
            let at = node as f64 * step;
            while let Some((value, weight)) = points.get(next).filter(|(value, _)| *value <= at) {
                smaller_weight += weight;
                smaller_value += value * weight;
                smaller_square += value * value * weight;
                next += 1;
            }
            let greater = (1.0 - smaller_weight).max(0.0) * at * at / 2.0;
            (greater + smaller_value * at - smaller_square / 2.0) / mean
        })
        .collect();
    let mut masses = vec![second[1] / step];
    masses.extend(second.windows(3).map(|it| (it[2] - 2.0 * it[1] + it[0]) / step));
    masses
}

/// Mean waiting time of the first request of a session at an iterative server that serves whole
/// sessions (M/G/1 with the session as service): `λE[H²]/(2(1−λE[H]))`.
///
/// `rate` is that of sessions; `held` the distribution of the time for which a session holds the
/// server: its requests' processing, its pauses and its round trips. The server saturates at
/// `1/E[H]`, however little it computes.
///
/// Source: as [`iterative_mean_response`].
///
/// # Errors
/// If sessions come faster than they can be served, or an input is impossible.
pub fn wait_for_a_session(rate: f64, held: &ServiceTimes) -> Result<f64, Outside> {
    let mean = held.checked()?.mean();
    Ok(iterative_mean_response(rate, mean, held.squared_variation())? - mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64, by: f64) -> bool {
        (left / right - 1.0).abs() < by
    }

    fn mean(rate: f64, service: f64, squared_variation: f64) -> f64 {
        iterative_mean_response(rate, service, squared_variation).expect("below capacity")
    }

    #[test]
    fn the_mean_agrees_with_published_simulations() {
        // M/D/1 and M/M/1 at ρ = 0.7; 1 % of requests 100 times longer (C² = 24.5 for p = 1).
        assert!(close(mean(0.7, 1.0, 0.0), 2.167, 1e-3));
        assert!(close(mean(0.7, 1.0, 1.0), 3.333, 1e-3));
        assert!((mean(0.7, 1.0, 24.5) - 30.75).abs() < 0.02);
        assert!((mean(0.3, 1.0, 24.5) - 6.465).abs() < 0.01);
        assert!(matches!(
            iterative_mean_response(1.0, 1.0, 1.0),
            Err(Outside::Overloaded { utilisation: 1.0 })
        ));
        assert!(iterative_mean_response(-1.0, 1.0, 1.0).is_err());
        for scale in [0.5, 2.0, 1e-6] {
            assert!(close(mean(0.7 / scale, scale, 3.0), scale * mean(0.7, 1.0, 3.0), 1e-9));
        }
    }

    #[test]
    fn the_exponential_percentile_is_ln_100_means() {
        let p99 = iterative_exponential_percentile(0.5, 1.0, 0.99).expect("valid");
        assert!(close(p99, 2.0 * 100.0_f64.ln(), 1e-9));
        assert!(iterative_exponential_percentile(0.5, 1.0, 1.0).is_err());
    }

    #[test]
    fn the_recursion_agrees_with_the_exponential_case_in_closed_form() {
        for (utilisation, quantile) in [(0.1, 0.5), (0.3, 0.9), (0.7, 0.99), (0.95, 0.999)] {
            let service = ServiceTimes::exponential(2.0);
            let found = iterative_percentile(utilisation / 2.0, &service, quantile).expect("valid");
            let exact = iterative_exponential_percentile(utilisation / 2.0, 2.0, quantile);
            let exact = exact.expect("valid");
            assert!(close(found, exact, 0.01), "{utilisation} {quantile}: {found} and {exact}");
        }
    }

    #[test]
    fn fixed_service_agrees_with_erlangs_series() {
        // M/D/1, P(W ≤ t) = (1−ρ) Σ_{k=0}^{⌊t⌋} (ρ(k−t))^k/k! · e^{ρ(t−k)} for p = 1.
        let erlang = |load: f64, time: f64| {
            let term = |k: u32| {
                let (k_f, mut power) = (f64::from(k), 1.0);
                (1..=k).for_each(|i| power *= load * (k_f - time) / f64::from(i));
                power * (load * (time - k_f)).exp()
            };
            (1.0 - load) * (0..=time as u32).map(term).sum::<f64>()
        };
        for (load, quantile) in [(0.3, 0.9), (0.7, 0.99), (0.7, 0.5)] {
            let found = iterative_percentile(load, &ServiceTimes::fixed(1.0), quantile);
            let waited = found.expect("valid") - 1.0;
            let reached = erlang(load, waited);
            assert!((reached - quantile).abs() < 2e-3, "{load}: {reached} and {quantile}");
        }
    }

    #[test]
    fn a_server_without_load_takes_the_service_time() {
        let two = ServiceTimes::two_point(1.0, 100.0, 0.02);
        let quiet = |quantile| iterative_percentile(0.0, &two, quantile).expect("valid");
        assert!(close(quiet(0.5), 1.0, 1e-3) && close(quiet(0.99), 100.0, 1e-3));
    }

    #[test]
    fn a_session_that_pauses_holds_the_server_longer_than_it_computes() {
        let wait = wait_for_a_session(0.1, &ServiceTimes::fixed(5.0)).expect("below capacity");
        assert!(close(wait, 2.5, 1e-9), "{wait}");
        assert!(wait_for_a_session(0.2, &ServiceTimes::fixed(5.0)).is_err());
    }
}
