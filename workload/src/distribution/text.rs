//! Distributions as they are written: `exp:2ms`, `pareto:1ms,1s,1.2`.

use std::fmt;
use std::str::FromStr;

use protocol::quantity::Unit;

use super::Distribution;

/// How each distribution is written, for messages.
const FORMS: &str = "a fixed value, exp:MEAN, uniform:LOW,HIGH, lognormal:MEAN,C2, \
                     pareto:LOW,HIGH,SHAPE or two-point:COMMON,RARE,FRACTION";

impl<U: Unit> FromStr for Distribution<U> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((kind, parts)) = text.split_once(':') else {
            return Ok(Self::fixed(U::read(text)?));
        };
        let parts: Vec<&str> = parts.split(',').collect();
        match (kind, &parts[..]) {
            ("exp", [mean]) => Ok(Self::exponential(U::read(mean)?)),
            ("uniform", [low, high]) => {
                let (low, high) = in_order::<U>(low, high)?;
                Ok(Self::Uniform { low, high })
            }
            ("lognormal", [mean, squared_variation]) => Ok(Self::Lognormal {
                mean: above_zero(mean, U::read(mean)?)?,
                squared_variation: number(squared_variation, |value| value > 0.0)
                    .ok_or_else(|| format!("'{squared_variation}' is no C²; write one above 0"))?,
            }),
            ("pareto", [low, high, shape]) => {
                let (least, greatest) = in_order::<U>(low, high)?;
                Ok(Self::BoundedPareto {
                    low: above_zero(low, least)?,
                    high: greatest,
                    shape: number(shape, |value| value > 0.0).ok_or_else(|| {
                        format!("'{shape}' is not an exponent; write one above 0")
                    })?,
                })
            }
            ("two-point", [common, rare, share]) => Ok(Self::TwoPoint {
                common: U::read(common)?,
                rare: U::read(rare)?,
                share: number(share, |share| (0.0..=1.0).contains(&share)).ok_or_else(|| {
                    format!("'{share}' is not the fraction of the rare value; write 0 to 1")
                })?,
            }),
            ("two-point", _) => Err(format!(
                "'{text}' needs three parts: two-point:COMMON,RARE,FRACTION, as in \
                 two-point:100us,20ms,0.01"
            )),
            _ => Err(format!("'{text}' is not a distribution; write {FORMS}")),
        }
    }
}

fn number(text: &str, holds: impl Fn(f64) -> bool) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && holds(*value))
}

fn above_zero(text: &str, value: f64) -> Result<f64, String> {
    if value > 0.0 { Ok(value) } else { Err(format!("'{text}' must be above 0")) }
}

fn in_order<U: Unit>(low: &str, high: &str) -> Result<(f64, f64), String> {
    let (least, greatest) = (U::read(low)?, U::read(high)?);
    if least > greatest {
        return Err(format!("'{low}' is above '{high}'; write the lower one first"));
    }
    Ok((least, greatest))
}

impl<U: Unit> fmt::Display for Distribution<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(value, _) => f.write_str(&U::write(value)),
            Self::Exponential(mean, _) => write!(f, "exp:{}", U::write(mean)),
            Self::Uniform { low, high } => {
                write!(f, "uniform:{},{}", U::write(low), U::write(high))
            }
            Self::Lognormal { mean, squared_variation } => {
                write!(f, "lognormal:{},{squared_variation}", U::write(mean))
            }
            Self::BoundedPareto { low, high, shape } => {
                write!(f, "pareto:{},{},{shape}", U::write(low), U::write(high))
            }
            Self::TwoPoint { common, rare, share } => {
                write!(f, "two-point:{},{},{share}", U::write(common), U::write(rare))
            }
            Self::Empirical(samples) => {
                write!(f, "file:{} values, {}", samples.values.len(), samples.digest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::quantity::Nanoseconds;

    use super::*;

    #[test]
    fn what_is_no_distribution_is_refused_with_an_example() {
        for text in [
            "gamma:1ms",
            "two-point:1ms,2ms",
            "two-point:1ms,2ms,1.5",
            "exp:fast",
            "uniform:3ms,1ms",
            "lognormal:0,1",
            "lognormal:1ms,-1",
            "pareto:0,1s,1",
            "pareto:1ms,1s,0",
        ] {
            assert!(text.parse::<Distribution<Nanoseconds>>().is_err(), "{text}");
        }
    }
}
