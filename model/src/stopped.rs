//! A server that stands still for a while.

/// The 99th percentile, from the intended start, of a run of length `run` at utilisation
/// `utilisation` during which the server stood still once for `stop`. Requests due during the stop
/// wait from 0 to `stop`, evenly, and the backlog is processed with the spare capacity, so
/// `p99 = stop − 0.01 · run · (1−ρ)`. Valid where that is well above the ordinary response time.
#[must_use]
pub fn stopped_server_p99(stop: f64, run: f64, utilisation: f64) -> f64 {
    stop - 0.01 * run * (1.0 - utilisation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left / right - 1.0).abs() < 1e-3
    }

    #[test]
    fn a_stop_shows_less_what_a_hundredth_of_the_run_hides() {
        assert!(close(stopped_server_p99(1.5, 30.0, 0.0), 1.2));
        assert!(close(stopped_server_p99(1.5, 30.0, 0.5), 1.35));
        assert!(close(stopped_server_p99(3.0, 60.0, 0.5), 2.7));
    }
}
