//! Requests that compute on shared cores and wait elsewhere: a worker for each request, and a pool.

use crate::erlang::erlang_c;
use crate::outside::{Outside, below_capacity, not_negative, positive};

/// Mean response time where every request gets a worker at once: `y + x + x·C(c, λx)/(c − λx)`.
///
/// The processors are shared (`cores` of them, processor sharing, a request uses one at most); waits
/// overlap without limit. `compute` is the processor time of a request with all that its worker
/// costs, `wait` the time that it does nothing. Exact for Poisson arrivals, and depends on the
/// distributions through their means only.
///
/// Source: Baskett, Chandy, Muntz & Palacios 1975; Cohen 1979 for processor sharing on several.
///
/// # Errors
/// If the processors are overloaded, or an input is impossible.
pub fn shared_mean_response(
    cores: u32,
    rate: f64,
    compute: f64,
    wait: f64,
) -> Result<f64, Outside> {
    let (rate, compute) = (not_negative("the rate", rate)?, not_negative("computing", compute)?);
    let wait = not_negative("waiting", wait)?;
    let offered = rate * compute;
    let queues = erlang_c(cores, offered)?;
    Ok(wait + compute + compute * queues / (f64::from(cores) - offered))
}

/// Throughput of `workers` that are always busy: each computes on one of `cores` shared processors
/// and waits in turn. `X(j) = G(j−1)/G(j)`, from the closed network of j requests.
///
/// Source: Gordon & Newell 1967; Buzen 1973.
///
/// # Errors
/// If an input is impossible.
pub fn busy_workers_throughput(
    cores: u32,
    workers: u32,
    compute: f64,
    wait: f64,
) -> Result<f64, Outside> {
    let network = Network::of(cores, workers, compute, wait)?;
    Ok(network.throughput(workers))
}

/// The closed network of busy workers: `G(j) = Σₙ F(n)·Y(j−n)` over n requests at the processors, with
/// F(n) = Π x/min(i, c) and Y(m) = yᵐ/m!. Logarithms, because the products overflow for many workers.
struct Network {
    /// ln F(n) for n = 0, 1, …
    computing: Vec<f64>,
    /// ln Y(m) for m = 0, 1, …
    waiting: Vec<f64>,
}

impl Network {
    fn of(cores: u32, workers: u32, compute: f64, wait: f64) -> Result<Self, Outside> {
        let compute = not_negative("computing", compute)?;
        let wait = not_negative("waiting", wait)?;
        positive("the processing time", compute + wait)?;
        if cores == 0 || workers == 0 {
            let (what, must) = ("cores or workers", "1 or more");
            return Err(Outside::Input { what, value: 0.0, must });
        }
        let logarithms = |of_each: &dyn Fn(u32) -> f64| {
            let mut sum = 0.0;
            let rest = (1..=workers).map(|number| {
                sum += libm::log(of_each(number));
                sum
            });
            std::iter::once(0.0).chain(rest.collect::<Vec<f64>>()).collect()
        };
        Ok(Self {
            computing: logarithms(&|number| compute / f64::from(number.min(cores))),
            waiting: logarithms(&|number| wait / f64::from(number)),
        })
    }

    /// ln G(j).
    fn ln_g(&self, all: usize) -> f64 {
        let terms = (0..=all).map(|here| self.computing[here] + self.waiting[all - here]);
        let terms: Vec<f64> = terms.collect();
        let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + libm::log(terms.iter().map(|term| libm::exp(term - most)).sum::<f64>())
    }

    /// X(j) = G(j−1)/G(j).
    fn throughput(&self, busy: u32) -> f64 {
        let busy = busy as usize;
        libm::exp(self.ln_g(busy - 1) - self.ln_g(busy))
    }
}

/// Mean response time of a pool of `workers` that compute on `cores` processors and wait: the pool
/// as a server whose rate depends on how many it serves (flow-equivalent server), `X(min(n, k))`.
///
/// Within 11 % above the truth near the limit of the pool, and exact elsewhere.
///
/// Source: Chandy, Herzog & Woo 1975; Lazowska et al. 1984, ch. 8.
///
/// # Errors
/// If the load is at least the pool's capacity, or an input is impossible.
pub fn tokens_mean_response(
    cores: u32,
    workers: u32,
    rate: f64,
    compute: f64,
    wait: f64,
) -> Result<f64, Outside> {
    let network = Network::of(cores, workers, compute, wait)?;
    let rates: Vec<f64> = (1..=workers).map(|busy| network.throughput(busy)).collect();
    let rate = not_negative("the rate", rate)?;
    if rate == 0.0 {
        return Ok(compute + wait);
    }
    let full = rates[rates.len() - 1];
    let utilisation = below_capacity(rate / full)?;
    // Birth and death: below k requests the states one by one, from k on a geometric series.
    let (mut weight, mut all, mut requests) = (1.0, 1.0, 0.0);
    for (index, its) in rates.iter().enumerate() {
        weight *= rate / its;
        let here = (index + 1) as f64;
        if index + 1 < rates.len() {
            all += weight;
            requests += here * weight;
        } else {
            let left = 1.0 - utilisation;
            all += weight / left;
            requests += weight * (here / left + utilisation / (left * left));
        }
    }
    Ok(requests / all / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(workers: u32, share: f64) -> f64 {
        let full = busy_workers_throughput(2, workers, 0.2, 0.8).expect("valid");
        tokens_mean_response(2, workers, share * full, 0.2, 0.8).expect("below capacity")
    }

    #[test]
    fn sharing_agrees_with_published_simulations() {
        // Processor sharing at ρ = 0.7 on 1, 2 and 4 cores.
        for (cores, expected) in [(1, 3.333), (2, 1.961), (4, 1.357)] {
            let found = shared_mean_response(cores, 0.7 * f64::from(cores), 1.0, 0.0);
            assert!((found.expect("below capacity") - expected).abs() < 1e-3, "{cores}");
        }
        let waiting = shared_mean_response(1, 500.0, 0.0, 0.02).expect("no computing");
        assert_eq!(waiting, 0.02);
        assert!(shared_mean_response(2, 2.0, 1.0, 0.0).is_err());
    }

    #[test]
    fn a_pool_with_tokens_agrees_with_the_published_table() {
        for (workers, expected) in [(2, 1.961), (4, 1.367), (8, 1.165), (16, 1.188), (64, 1.192)] {
            let found = tokens(workers, 0.7);
            assert!((found - expected).abs() < 2e-3, "{workers}: {found} and {expected}");
        }
    }

    #[test]
    fn a_pool_is_limited_by_its_workers_or_by_its_cores() {
        let few = busy_workers_throughput(64, 4, 0.2, 0.8).expect("valid");
        assert!((few - 4.0).abs() < 1e-9, "{few}");
        let many = busy_workers_throughput(2, 1000, 0.2, 0.8).expect("valid");
        assert!((many - 10.0).abs() < 1e-6, "{many}");
        for cores in [8, 64, 256] {
            let busy = busy_workers_throughput(cores, 4096, 0.010, 0.100).expect("valid");
            let exact = f64::from(cores) / 0.010;
            assert!((busy / exact - 1.0).abs() < 1e-6, "{cores}: {busy}");
        }
        assert!(busy_workers_throughput(0, 4, 0.2, 0.8).is_err());
        assert!(busy_workers_throughput(1, 4, 0.0, 0.0).is_err());
    }

    #[test]
    fn a_pool_that_only_waits_or_computes_is_a_queue_with_many_servers() {
        use crate::pool::pool_mean_response;
        for (cores, compute, wait) in [(1, 0.0, 1.0), (4, 1.0, 0.0)] {
            let found = tokens_mean_response(cores, 4, 2.8, compute, wait).expect("valid");
            let exact = pool_mean_response(4, 2.8, 1.0, 1.0).expect("valid");
            assert!((found / exact - 1.0).abs() < 1e-9, "{found} and {exact}");
        }
        assert_eq!(tokens_mean_response(1, 4, 0.0, 0.1, 0.2), Ok(0.1 + 0.2));
    }
}
