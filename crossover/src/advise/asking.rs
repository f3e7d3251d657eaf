//! The workload as questions in a terminal, where nothing was given.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::cli::{AdviseArgs, read_transport};
use crate::error::Error;

/// The arguments; if they say nothing of a workload and a person is there, asked for.
pub(super) fn completed(arguments: AdviseArgs) -> Result<AdviseArgs, Error> {
    let says_nothing = arguments.file.is_none()
        && arguments.rate.is_none()
        && arguments.clients.is_none()
        && arguments.wait.is_none()
        && arguments.compute.is_none()
        && arguments.from.is_none();
    if !says_nothing || !io::stdin().is_terminal() {
        return Ok(arguments);
    }
    ask(arguments, &mut io::stdin().lock(), &mut io::stderr().lock())
}

/// Asks one question after the other; an empty answer takes what stands in brackets.
fn ask(
    mut arguments: AdviseArgs,
    answers: &mut dyn BufRead,
    questions: &mut dyn Write,
) -> Result<AdviseArgs, Error> {
    let mut asking = Asking { answers, questions };
    let transport = asking.until("udp or tcp? [tcp]", "tcp", read_transport)?;
    arguments.transport.get_or_insert(transport);
    arguments.rate = Some(asking.until("requests a second? [100/s]", "100/s", str::parse)?);
    arguments.wait = Some(asking.until(
        "how long does one wait for a disk or another server? [0]",
        "0ns",
        zero,
    )?);
    arguments.compute = Some(asking.until("how long does one compute? [1ms]", "1ms", zero)?);
    let kept = asking.until(
        "how many connections are kept open? 0 if each request makes its own [0]",
        "0",
        |text| text.parse::<u32>().map_err(|_| format!("'{text}' is not a number")),
    )?;
    arguments.clients = (kept > 0).then_some(kept);
    arguments.isolation =
        asking.until("must clients be isolated from each other? [no]", "no", yes)?;
    arguments.shared_state = asking.until("do they change common state? [no]", "no", yes)?;
    arguments.blocking_libraries =
        asking.until("are there libraries that block? [no]", "no", yes)?;
    Ok(arguments)
}

/// Times as on the command line; 0 needs no unit.
fn zero(text: &str) -> Result<workload::Distribution<protocol::quantity::Nanoseconds>, String> {
    if text == "0" { "0ns".parse() } else { text.parse() }
}

fn yes(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err(format!("'{text}' is neither yes nor no")),
    }
}

struct Asking<'a> {
    answers: &'a mut dyn BufRead,
    questions: &'a mut dyn Write,
}

impl Asking<'_> {
    /// Asks until the answer can be read.
    fn until<T>(
        &mut self,
        question: &str,
        usual: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Error> {
        loop {
            write!(self.questions, "{question} ").and_then(|()| self.questions.flush())?;
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(Error::Usage("the questions were not answered to the end".to_owned()));
            }
            let answer = line.trim();
            match read(if answer.is_empty() { usual } else { answer }) {
                Ok(value) => return Ok(value),
                Err(why) => writeln!(self.questions, "  {why}")?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_asked_until_they_are_answered() {
        let mut said = Vec::new();
        let answers = "sctp\nudp\n\n5ms\n\n20\ny\nno\nperhaps\nyes\n";
        let asked =
            ask(AdviseArgs::default(), &mut answers.as_bytes(), &mut said).expect("answered");
        assert_eq!(asked.transport, Some(protocol::Transport::Udp));
        assert_eq!(asked.rate.map(|rate| rate.get()), Some(100.0));
        assert_eq!(asked.wait.map(|wait| wait.mean()), Some(5e6));
        assert_eq!(asked.clients, Some(20));
        assert!(asked.isolation && !asked.shared_state && asked.blocking_libraries);
        let said = String::from_utf8(said).expect("text");
        assert!(said.contains("'sctp' is no transport") && said.contains("'perhaps' is neither"));
        assert!(ask(AdviseArgs::default(), &mut "tcp\n".as_bytes(), &mut Vec::new()).is_err());
    }
}
