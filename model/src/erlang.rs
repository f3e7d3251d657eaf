//! Erlang's formulas: the probability of being lost, and of having to wait.

use crate::outside::{Outside, below_capacity, not_negative};

/// Erlang B: the probability that an arrival finds all `servers` busy and is lost (M/G/c/c).
///
/// `offered` is the rate times the mean service time, 0 or more. Exact for any distribution of
/// service times. By the recursion B(0) = 1, B(n) = aB(n−1)/(n + aB(n−1)), which is stable.
///
/// Source: Erlang 1917; the recursion: Jagerman 1974.
///
/// # Errors
/// If `offered` is negative or not a number.
pub fn erlang_b(servers: u32, offered: f64) -> Result<f64, Outside> {
    let offered = not_negative("the offered load", offered)?;
    Ok((1..=servers).fold(1.0, |lost, busy| offered * lost / (f64::from(busy) + offered * lost)))
}

/// Erlang C: the probability that an arrival has to wait in M/M/c.
///
/// `offered` is the rate times the mean service time, from 0 to less than `servers`.
///
/// Source: Erlang 1917; Kleinrock, *Queueing Systems* vol. 1, 1975, section 3.5.
///
/// # Errors
/// If the offered load is negative, or not less than `servers`.
pub fn erlang_c(servers: u32, offered: f64) -> Result<f64, Outside> {
    let lost = erlang_b(servers, offered)?;
    let utilisation = below_capacity(offered / f64::from(servers))?;
    Ok(lost / (1.0 - utilisation * (1.0 - lost)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_published_tables() {
        // Erlang B for 10 servers and 5 Erlang: 0.0184; Erlang C for 4 servers and 3.2: 0.5964.
        let lost = erlang_b(10, 5.0).expect("valid");
        assert!((lost - 0.0184).abs() < 5e-5, "{lost}");
        let waits = erlang_c(4, 3.2).expect("valid");
        assert!((waits - 0.5964).abs() < 5e-5, "{waits}");
        assert_eq!(erlang_c(1, 0.7), Ok(0.7));
        assert_eq!(erlang_b(0, 2.0), Ok(1.0));
    }

    #[test]
    fn they_refuse_what_has_no_answer() {
        assert!(matches!(erlang_c(2, 2.0), Err(Outside::Overloaded { utilisation: 1.0 })));
        assert!(erlang_b(2, -1.0).is_err() && erlang_b(2, f64::NAN).is_err());
        assert!(erlang_c(0, 0.1).is_err());
    }
}
