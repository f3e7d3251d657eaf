//! Closed loops: a fixed number of clients that each wait for a reply, pause, and ask again.

use crate::outside::{Outside, not_negative, positive};

/// Throughput and response time of a closed loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosedLoop {
    /// Requests per unit of time.
    pub throughput: f64,
    /// Mean response time.
    pub response: f64,
}

/// A closed loop of `clients` before `servers` that share one queue (machine repairman). `think` is
/// the mean pause. Exact for exponential service, and any distribution of the pause.
///
/// Source: Palm 1947; Harchol-Balter 2013, ch. 17.
///
/// # Errors
/// If there are no clients or no servers, or an input is impossible.
pub fn closed_loop(
    servers: u32,
    clients: u32,
    think: f64,
    service: f64,
) -> Result<ClosedLoop, Outside> {
    let think = not_negative("the pause", think)?;
    let service = positive("the service", service)?;
    if servers == 0 || clients == 0 {
        return Err(Outside::Input { what: "servers and clients", value: 0.0, must: "1 or more" });
    }
    let many = f64::from(clients);
    if think == 0.0 {
        let throughput = many.min(f64::from(servers)) / service;
        return Ok(ClosedLoop { throughput, response: many / throughput });
    }
    // ln of N!/(N−n)!·(p/Z)ⁿ/Π min(i, c), for n requests at the servers.
    let (mut sum, mut weights) = (0.0, vec![0.0]);
    for here in 1..=clients {
        let others = many - f64::from(here) + 1.0;
        sum += libm::log(others * service / think / f64::from(here.min(servers)));
        weights.push(sum);
    }
    let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled: Vec<f64> = weights.iter().map(|weight| libm::exp(weight - most)).collect();
    let busy = |here: usize| here.min(servers as usize) as f64;
    let served: f64 = scaled.iter().enumerate().map(|(here, weight)| busy(here) * weight).sum();
    let throughput = served / scaled.iter().sum::<f64>() / service;
    Ok(ClosedLoop { throughput, response: many / throughput - think })
}

/// What no closed loop exceeds: the throughput is at most `min(1/D_max, N/(D+Z))`, and the response
/// time at least `max(D, N·D_max − Z)`. `bottleneck` is the greatest demand D_max on one resource,
/// `demand` the sum D over all, `think` the pause Z.
///
/// Source: Denning & Buzen 1978; Jain 1991, ch. 33.
///
/// # Errors
/// If an input is impossible.
pub fn closed_bounds(
    clients: u32,
    think: f64,
    demand: f64,
    bottleneck: f64,
) -> Result<ClosedLoop, Outside> {
    let think = not_negative("the pause", think)?;
    let (demand, most) = (positive("the demand", demand)?, positive("the bottleneck", bottleneck)?);
    let clients = f64::from(clients);
    Ok(ClosedLoop {
        throughput: (1.0 / most).min(clients / (demand + think)),
        response: demand.max(clients * most - think),
    })
}

/// The number of clients at which the bounds meet, `(D+Z)/D_max`: with more, requests queue.
///
/// Source: as [`closed_bounds`].
///
/// # Errors
/// If an input is impossible.
pub fn saturating_clients(think: f64, demand: f64, bottleneck: f64) -> Result<f64, Outside> {
    let most = positive("the bottleneck", bottleneck)?;
    Ok((positive("the demand", demand)? + not_negative("the pause", think)?) / most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_never_queues_and_many_keep_the_server_busy() {
        let one = closed_loop(1, 1, 3.0, 1.0).expect("valid");
        assert!((one.throughput - 0.25).abs() < 1e-12 && (one.response - 1.0).abs() < 1e-12);
        let large = closed_loop(64, 4000, 1.0, 0.1).expect("valid");
        assert!((large.throughput - 640.0).abs() < 1e-6, "{large:?}");
        assert_eq!(closed_loop(2, 5, 0.0, 1.0), Ok(ClosedLoop { throughput: 2.0, response: 2.5 }));
        let many = closed_loop(1, 200, 3.0, 1.0).expect("valid");
        assert!((many.throughput - 1.0).abs() < 1e-9 && (many.response - 197.0).abs() < 1e-6);
    }

    #[test]
    fn it_agrees_with_the_repairmans_closed_form() {
        // π₀ = [Σ N!/(N−n)!·(p/Z)ⁿ]⁻¹, X = (1−π₀)/p, for N = 5, p = 1, Z = 4.
        let (mut term, mut sum) = (1.0, 1.0);
        for n in 0..5 {
            term *= f64::from(5 - n) / 4.0;
            sum += term;
        }
        let throughput = 1.0 - 1.0 / sum;
        let found = closed_loop(1, 5, 4.0, 1.0).expect("valid");
        assert!((found.throughput / throughput - 1.0).abs() < 1e-9);
        assert!((found.response - (5.0 / throughput - 4.0)).abs() < 1e-9);
    }

    #[test]
    fn the_bounds_hold_and_meet_at_the_knee() {
        let knee = saturating_clients(9.0, 1.0, 1.0).expect("valid");
        assert_eq!(knee, 10.0);
        for clients in [1, 5, 10, 40] {
            let (most, found) = (
                closed_bounds(clients, 9.0, 1.0, 1.0).expect("valid"),
                closed_loop(1, clients, 9.0, 1.0).expect("valid"),
            );
            assert!(found.throughput <= most.throughput + 1e-12, "{clients}");
            assert!(found.response >= most.response - 1e-9, "{clients}");
        }
        assert!(closed_loop(0, 1, 0.0, 1.0).is_err() && closed_loop(1, 1, -1.0, 1.0).is_err());
    }
}
