//! Finite buffers: what does not fit is lost.

use crate::outside::{Outside, not_negative, positive};

/// The probability that an arrival is lost where `servers` share a queue and there is room for
/// `room` requests in all, those in service included (M/M/c/K). Valid at any load.
///
/// Source: Kleinrock, *Queueing Systems* vol. 1, 1975, section 3.6 and exercise 3.8.
///
/// # Errors
/// If there is no server, less room than servers, or an input is negative.
pub fn lost_share(servers: u32, room: u32, rate: f64, service: f64) -> Result<f64, Outside> {
    let states = states(servers, room, rate, service)?;
    Ok(states[states.len() - 1])
}

/// Mean response time of the requests that are not lost (M/M/c/K).
///
/// Source: as [`lost_share`], with Little's law.
///
/// # Errors
/// As [`lost_share`], or if there is no arrival.
pub fn response_of_the_kept(
    servers: u32,
    room: u32,
    rate: f64,
    service: f64,
) -> Result<f64, Outside> {
    positive("the rate", rate)?;
    let states = states(servers, room, rate, service)?;
    let requests: f64 = states.iter().enumerate().map(|(here, its)| here as f64 * its).sum();
    Ok(requests / (rate * (1.0 - states[states.len() - 1])))
}

/// The least share that is lost at a load beyond the capacity, whatever the room: `1 − 1/ρ`; 0 below.
#[must_use]
pub fn least_lost_share(utilisation: f64) -> f64 {
    if utilisation > 1.0 { 1.0 - 1.0 / utilisation } else { 0.0 }
}

/// The probabilities of 0, 1, … `room` requests in the system.
fn states(servers: u32, room: u32, rate: f64, service: f64) -> Result<Vec<f64>, Outside> {
    let offered = not_negative("the rate", rate)? * not_negative("the service", service)?;
    if servers == 0 || room < servers {
        let (what, value) = ("the room", f64::from(room));
        return Err(Outside::Input { what, value, must: "at least the number of servers, and 1" });
    }
    let mut weights = vec![1.0];
    let mut sum = 1.0;
    for here in 1..=room {
        let last = weights[weights.len() - 1];
        let weight = last * offered / f64::from(here.min(servers));
        weights.push(weight);
        sum += weight;
        if sum > 1e200 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
            sum = 1.0;
        }
    }
    let whole: f64 = weights.iter().sum();
    Ok(weights.iter().map(|weight| weight / whole).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_closed_form_and_with_published_values() {
        // M/M/1/5 at ρ = 1.2: 0.2506 by the formula (1−ρ)ρ^K/(1−ρ^(K+1)).
        let lost = lost_share(1, 5, 1.2, 1.0).expect("valid");
        assert!((lost - 0.2506).abs() < 1e-4, "{lost}");
        // Without room to wait it is Erlang B.
        let erlang = crate::erlang::erlang_b(10, 5.0).expect("valid");
        assert!((lost_share(10, 10, 5.0, 1.0).expect("valid") - erlang).abs() < 1e-12);
    }

    #[test]
    fn a_large_room_loses_what_is_beyond_the_capacity() {
        let lost = lost_share(1, 5_000, 2.0, 1.0).expect("valid");
        assert!((lost - least_lost_share(2.0)).abs() < 1e-9, "{lost}");
        assert_eq!(least_lost_share(0.9), 0.0);
        assert!(lost_share(1, 1_000, 0.5, 1.0).expect("valid") < 1e-200);
    }

    #[test]
    fn what_is_kept_waits_no_longer_than_for_a_full_room() {
        let time = response_of_the_kept(1, 100, 10.0, 1.0).expect("valid");
        assert!(time > 98.0 && time <= 100.0, "{time}");
        let quiet = response_of_the_kept(1, 100, 1e-6, 1.0).expect("valid");
        assert!((quiet - 1.0).abs() < 1e-3);
        assert!(lost_share(2, 1, 1.0, 1.0).is_err() && lost_share(0, 0, 1.0, 1.0).is_err());
    }
}
