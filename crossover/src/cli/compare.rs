//! The flags of `crossover compare`.

use std::path::PathBuf;
use std::str::FromStr;

use analysis::Metric;
use clap::Args;

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crossover load http://127.0.0.1:8080/ --save before.json
  crossover load http://127.0.0.1:8080/ --save after.json
  crossover compare before.json after.json --fail-if 'p99 > +10%'
  crossover compare reports/runs/monday reports/runs/tuesday --markdown")]
pub struct CompareArgs {
    /// The first: the folder of a bench, its records.jsonl, or a file of `load --save`
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// The second, of the same scenario or under the same load
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
    /// Exit with code 5 if a figure has certainly changed by more than this: 'p99 > +10%',
    /// 'throughput < -5%'; may be given several times [default: if any figure is certainly worse]
    #[arg(long, value_name = "BOUND")]
    pub fail_if: Vec<ChangeBound>,
    /// Compare although scenario, load, seed, machine, kernel or placement differ, or although one is
    /// simulated
    #[arg(long)]
    pub anyway: bool,
    /// Print a table in Markdown, for a pull request
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Write a page too
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}

/// A change that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangeBound {
    /// What changes.
    pub metric: Metric,
    /// Whether more than the share is not accepted; otherwise less.
    pub is_above: bool,
    /// The change as a share: 0.1 for +10 %.
    pub share: f64,
}

impl FromStr for ChangeBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write METRIC > +N% or METRIC < -N%, such as 'p99 > +10%'";
        let wrong = || format!("'{text}' is no bound of a change; {form}");
        let at = text.find(['<', '>']).ok_or_else(wrong)?;
        let metric: Metric = text[..at].trim().parse()?;
        let is_above = text[at..].starts_with('>');
        let percent = text[at + 1..].trim();
        let number = percent.strip_suffix('%').ok_or_else(wrong)?.trim();
        let share =
            number.parse::<f64>().ok().filter(|it| it.is_finite()).ok_or_else(wrong)? / 100.0;
        if share <= -1.0 {
            return Err(format!("'{text}': nothing falls by 100 % or more; {form}"));
        }
        Ok(Self { metric, is_above, share })
    }
}

impl std::fmt::Display for ChangeBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { metric, is_above, share } = self;
        let sign = if *is_above { '>' } else { '<' };
        write!(f, "{metric} {sign} {:+}%", (share * 1e6).round() / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_they_are_written() {
        for text in ["p99 > +10%", "mean > +2.5%", "throughput < -5%", "p99.9 > +0%"] {
            assert_eq!(text.parse::<ChangeBound>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(
            "p50>3%".parse(),
            Ok(ChangeBound { metric: Metric::P50, is_above: true, share: 0.03 })
        );
        for text in ["p99 > 10", "p99", "speed > 1%", "p99 > x%", "p99 < -100%", ""] {
            assert!(text.parse::<ChangeBound>().is_err(), "{text}");
        }
    }
}
