//! Which flags of `load` go together: one table. Without it a load would ignore what was asked, or
//! measure something else.

use workload::{Close, Law, LoadSpec};

use super::network;

use crate::cli::{LoadArgs, Scheme, TargetService};
use crate::error::Error;

/// What is said between generator and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Work,
    Echo,
    Next,
    Raw,
    Http,
}

impl Spoken {
    fn of(arguments: &LoadArgs) -> Self {
        match (arguments.target.scheme, &arguments.send, arguments.service) {
            (Scheme::Http, ..) => Self::Http,
            (_, Some(_), _) => Self::Raw,
            (_, None, TargetService::Work) => Self::Work,
            (_, None, TargetService::Echo) => Self::Echo,
            (_, None, TargetService::Next) => Self::Next,
        }
    }
}

/// A combination of flags that cannot be carried out.
struct Rule {
    /// A command line that breaks this rule and no other, after `crossover load`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests try it"))]
    example: &'static str,
    /// Whether a command line breaks it.
    breaks: fn(&LoadArgs, Spoken) -> bool,
    /// What is wrong, and the remedy.
    message: &'static str,
}

const RULES: [Rule; 15] = [
    Rule {
        example: "udp://127.0.0.1:9 --think 1ms",
        breaks: |it, _| {
            let thinks = !it.think.is_fixed() || it.think.mean() > 0.0;
            thinks && !it.closed && it.session.is_none()
        },
        message: "--think is the pause after a reply: it needs --closed or --session",
    },
    Rule {
        example: "udp://127.0.0.1:9 --threads 2 --clients 1",
        breaks: |it, _| it.clients < it.threads,
        message: "each thread needs a client of its own; raise --clients or lower --threads",
    },
    Rule {
        example: "udp://127.0.0.1:9 --arrivals trace:TRACE --rate 5/s",
        breaks: |it, _| it.rate.is_some() && matches!(it.arrivals, Law::Trace(_)),
        message: "a trace has its own rate; omit --rate",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --offload",
        breaks: |it, _| {
            let of_udp = it.unconnected || it.kernel_stamps || it.offload;
            of_udp && it.target.scheme != Scheme::Udp
        },
        message: "--unconnected, --kernel-stamps and --offload are for udp:// targets",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --service next",
        breaks: |it, _| it.service == TargetService::Next && it.target.scheme != Scheme::Udp,
        message: "--service next is for udp:// targets",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --drop 1%",
        breaks: |it, _| !network(it).is_perfect() && it.target.scheme != Scheme::Udp,
        message: "--drop, --duplicate and --reorder are for udp:// targets",
    },
    Rule {
        example: "udp://127.0.0.1:9 --drop 60% --duplicate 60%",
        breaks: |it, _| !network(it).is_sound(),
        message: "--drop, --duplicate and --reorder are together at most 100%",
    },
    Rule {
        example: "http://127.0.0.1:9/ --send PING",
        breaks: |it, spoken| spoken == Spoken::Http && it.send.is_some(),
        message: "--send is for udp:// and tcp:// targets",
    },
    Rule {
        example: "http://127.0.0.1:9/ --service echo",
        breaks: |it, spoken| spoken == Spoken::Http && it.service == TargetService::Echo,
        message: "--service is for udp:// and tcp:// targets",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --service echo --wait 1ms",
        breaks: |it, spoken| {
            let lost = |asked: f64, word: &str| asked > 0.0 && !has_place_for(it, word);
            spoken != Spoken::Work
                && (lost(it.wait.largest(), "{wait_") || lost(it.compute.largest(), "{compute_"))
        },
        message: "the requests have no place for --wait and --compute; put {wait_us} and {compute_us} \
                  into the target or --send, or load a server started by crossover serve",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --service echo --reply-size 1KiB",
        breaks: |it, spoken| {
            spoken != Spoken::Work
                && it.reply_size != LoadSpec::default().reply_size
                && !has_place_for(it, "{reply_bytes}")
        },
        message: "the requests have no place for --reply-size; put {reply_bytes} into the target or \
                  --send, or load a server started by crossover serve",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --send PING --request-size 1KiB",
        breaks: |it, spoken| {
            let has_sizes = matches!(spoken, Spoken::Work | Spoken::Echo);
            !has_sizes && it.request_size != LoadSpec::default().request_size
        },
        message: "--request-size is for the services work and echo; give the bytes with --send or \
                  --body",
    },
    Rule {
        example: "tcp://127.0.0.1:9 --header Accept:text/plain",
        breaks: |it, spoken| {
            let has_fields = !it.headers.is_empty() || it.body.is_some() || it.ok.is_some();
            spoken != Spoken::Http && (it.method != "GET" || has_fields)
        },
        message: "--method, --header, --body and --ok are for http:// targets",
    },
    Rule {
        example: "udp://127.0.0.1:9 --connection per-request",
        breaks: |it, _| {
            let usual = LoadSpec::default();
            let is_usual = it.connection == usual.reuse && Close::from(it.close) == usual.close;
            it.target.scheme == Scheme::Udp && !is_usual
        },
        message: "--connection and --close are for tcp:// and http:// targets",
    },
    Rule {
        example: "udp://127.0.0.1:9 --send PING --kernel-stamps",
        breaks: |it, spoken| it.kernel_stamps && spoken == Spoken::Raw,
        message: "--kernel-stamps needs replies that identify their request: use the service work \
                  or echo",
    },
];

/// Whether a placeholder that begins like this is in the target or the bytes of a request.
fn has_place_for(arguments: &LoadArgs, begin: &str) -> bool {
    let send = arguments.send.as_ref().map_or(&[][..], |send| &send.0);
    let is_there = |bytes: &[u8]| bytes.windows(begin.len()).any(|at| at == begin.as_bytes());
    is_there(arguments.target.path.as_bytes()) || is_there(send)
}

/// Refuses flags that do not go together.
pub(super) fn check(arguments: &LoadArgs) -> Result<(), Error> {
    let spoken = Spoken::of(arguments);
    match RULES.iter().find(|rule| (rule.breaks)(arguments, spoken)) {
        Some(rule) => Err(Error::Usage(rule.message.to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parsed(line: &str) -> LoadArgs {
        let words = ["crossover", "load"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words).map(|cli| cli.command) {
            Ok(Command::Load(arguments)) => *arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_rule_is_broken_by_its_example_and_by_no_other() {
        let mut trace = tempfile::NamedTempFile::new().expect("a file");
        trace.write_all(b"1ms\n2ms\n").expect("writable");
        let path = trace.path().to_string_lossy().into_owned();
        for (index, rule) in RULES.iter().enumerate() {
            let arguments = parsed(&rule.example.replace("TRACE", &path));
            let spoken = Spoken::of(&arguments);
            let broken: Vec<usize> =
                (0..RULES.len()).filter(|at| (RULES[*at].breaks)(&arguments, spoken)).collect();
            assert_eq!(broken, [index], "{}", rule.example);
            assert!(check(&arguments).is_err_and(|error| error.to_string() == rule.message));
        }
    }

    #[test]
    fn flags_that_go_together_are_let_through() {
        for line in [
            "udp://127.0.0.1:9 --kernel-stamps --wait exp:1ms --reply-size 1KiB",
            "tcp://127.0.0.1:9 --service echo --request-size 1KiB --connection per:3 --close finish",
            "tcp://127.0.0.1:9 --send PING --closed --think 1ms --clients 2 --threads 2",
            "http://127.0.0.1:9/ --method PUT --body x --ok 200-204 --header Accept:text/plain",
            "http://127.0.0.1:9/{compute_us}?w={wait_us} --wait exp:1ms --compute 5us",
        ] {
            assert!(check(&parsed(line)).is_ok(), "{line}");
        }
    }
}
