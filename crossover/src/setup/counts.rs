//! How many workers and cores a server has.

use std::fmt;
use std::str::FromStr;

/// How many workers a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// This many.
    Count(u32),
    /// As many as it has cores.
    Cores,
}

/// How many cores a server may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// This many, of those that the generator does not use.
    Count(u32),
    /// All of them; the generator sleeps while it has nothing to do.
    All,
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(count @ 1..)) => Ok(Self::Count(count)),
            _ => Err(format!("'{text}' is not a number of cores; write 2, or \"all\"")),
        }
    }
}

impl FromStr for Workers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let most = servers::limits::MAX_WORKERS;
        match (text, text.parse()) {
            ("cores", _) => Ok(Self::Cores),
            (_, Ok(count)) if (1..=most).contains(&count) => Ok(Self::Count(count)),
            _ => Err(format!("'{text}' is not a number of workers; write 16, or \"cores\"")),
        }
    }
}

impl Workers {
    /// How many, on so many cores.
    #[must_use]
    pub fn on(self, cores: usize) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Cores => cores.max(1) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_and_cores_are_numbers_or_words() {
        assert_eq!("16".parse(), Ok(Workers::Count(16)));
        assert_eq!("cores".parse(), Ok(Workers::Cores));
        assert!("0".parse::<Workers>().is_err() && "many".parse::<Workers>().is_err());
        assert_eq!("all".parse(), Ok(Cores::All));
        assert!("0".parse::<Cores>().is_err());
    }
}
