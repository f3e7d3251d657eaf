//! Which HTTP statuses count as answered.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The statuses that count as answered; all others count as refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// Whether a reply with this status counts as answered.
    #[must_use]
    pub fn hold(&self, code: u16) -> bool {
        self.0.iter().any(|range| range.contains(&code))
    }
}

impl Default for Statuses {
    /// All below 400: information, success and redirection.
    fn default() -> Self {
        Self(vec![100..=399])
    }
}

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let code = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|code| digits && *code >= 100)
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (code(first.trim())?, code(last.trim())?);
            (first <= last).then_some(first..=last)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| {
            format!("'{text}' names no statuses; write them like 200-299,404, from 100 to 999")
        })
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, range) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            match range.start() == range.end() {
                true => write!(f, "{comma}{}", range.start())?,
                false => write!(f, "{comma}{}-{}", range.start(), range.end())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_and_written_as_ranges() {
        for text in ["200", "200-299,404", "100-399", "429,503"] {
            let read = text.parse::<Statuses>().map(|statuses| statuses.to_string());
            assert_eq!(read, Ok(text.to_owned()));
        }
        for text in ["", "2xx", "200-", "-299", "299-200", "99", "1000", "+20", "200,,404"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
        let some: Statuses = "200-299, 404".parse().expect("sound");
        assert_eq!(
            [200, 250, 404, 300, 403].map(|code| some.hold(code)),
            [true, true, true, false, false]
        );
        assert_eq!(
            [101, 200, 302, 400, 503, 999].map(|code| Statuses::default().hold(code)),
            [true, true, true, false, false, false]
        );
    }
}
