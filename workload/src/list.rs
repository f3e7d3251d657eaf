//! Laws and distributions from lists: an instant or a value on each line, `#` starts a comment.
//!
//! The caller supplies the function that reads a file, so that this crate touches no file.

use protocol::quantity::{Unit, read_instant};

use crate::distribution::{Distribution, Samples};
use crate::law::Law;
use crate::trace::Trace;

/// Reads a law; for `trace:PATH`, its instants from a list.
///
/// # Errors
/// A text that states what is wrong with the text or the list, with an example; or that of `file`.
pub fn read_law(
    text: &str,
    file: impl FnOnce(&str) -> Result<String, String>,
) -> Result<Law, String> {
    let Some(path) = text.strip_prefix("trace:") else { return text.parse() };
    let instants = each_line(path, &file(path)?, read_instant)?;
    Trace::keep(instants)
        .map(Law::Trace)
        .ok_or_else(|| format!("{path} holds no two different instants; write one on each line"))
}

/// Reads a distribution; for `file:PATH`, its values from a list.
///
/// # Errors
/// A text that states what is wrong with the text or the list, with an example; or that of `file`.
pub fn read_distribution<U: Unit>(
    text: &str,
    file: impl FnOnce(&str) -> Result<String, String>,
) -> Result<Distribution<U>, String> {
    let Some(path) = text.strip_prefix("file:") else { return text.parse() };
    let values = each_line(path, &file(path)?, U::read)?;
    Samples::keep(values)
        .map(Distribution::Empirical)
        .ok_or_else(|| format!("{path} holds no values; write one on each line"))
}

/// What each line of a list holds, except comments and empty lines.
fn each_line<T>(
    path: &str,
    list: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let content = |line: &'_ str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let lines = list.lines().map(content).filter(|line| !line.is_empty());
    lines.map(|line| read(&line)).collect::<Result<_, _>>().map_err(|e| format!("{path}: {e}"))
}

#[cfg(test)]
mod tests {
    use protocol::quantity::Nanoseconds;

    use super::*;

    #[test]
    fn lists_are_read_line_by_line_without_comments() {
        let law = read_law("trace:t", |_| Ok("# when\n2ms\n\n1ms # first\n".to_owned()));
        assert!(matches!(law, Ok(Law::Trace(trace)) if trace.count() == 2));
        let values = |text: &str| {
            read_distribution::<Nanoseconds>("file:v", |_| Ok(text.to_owned()))
                .map(|distribution| distribution.mean())
        };
        assert_eq!(values("1ms\n3ms\n"), Ok(2e6));
        assert_eq!(values("1ms\nfast\n").expect_err("no time").split(':').next(), Some("v"));
        assert!(values("# none\n").expect_err("no values").contains("one on each line"));
        assert!(read_law("trace:t", |_| Ok("1ms\n1ms\n".to_owned())).is_err());
        assert_eq!(read_law("even", |_| Err("not asked".to_owned())), Ok(Law::Even));
    }
}
