//! The workload as flags or a file give it.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use advice::{Asked, Needs, Statistic, Target, Traffic, check_closed};
use loadgen::expectation::{Expectation, Statistic as Expected};
use protocol::Transport;
use protocol::quantity::{Nanoseconds, Unit, read_size};
use serde::Deserialize;
use toml::Spanned;
use workload::{Distribution, Samples};

use crate::cli::{AdviseArgs, read_transport};
use crate::error::Error;
use crate::text_file::read_text;

/// A workload file: the names of the flags as keys, with hyphens or, as in scenarios, underscores.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    rate: Option<Spanned<toml::Value>>,
    wait: Option<Spanned<toml::Value>>,
    compute: Option<Spanned<toml::Value>>,
    from: Option<Spanned<toml::Value>>,
    clients: Option<Spanned<toml::Value>>,
    session: Option<Spanned<toml::Value>>,
    think: Option<Spanned<toml::Value>>,
    #[serde(alias = "reply_size")]
    reply_size: Option<Spanned<toml::Value>>,
    transport: Option<Spanned<toml::Value>>,
    cores: Option<Spanned<toml::Value>>,
    memory: Option<Spanned<toml::Value>>,
    target: Option<Spanned<toml::Value>>,
    #[serde(default)]
    isolation: bool,
    #[serde(default, alias = "shared_state")]
    shared_state: bool,
    #[serde(default, alias = "blocking_libraries")]
    blocking_libraries: bool,
}

/// The workload, and the command that asks for it.
pub(super) fn asked(arguments: &AdviseArgs) -> Result<(Asked, String), Error> {
    let command = command(arguments);
    let arguments = with_file(arguments.clone())?;
    let processing = processing(&arguments)?;
    let asked = Asked {
        traffic: traffic(&arguments, processing.0.mean() + processing.1.mean())?,
        wait: processing.0,
        compute: processing.1,
        share_is_known: arguments.from.is_none() || arguments.compute.is_some(),
        transport: arguments.transport.unwrap_or(Transport::Tcp),
        cores: arguments.cores.unwrap_or_else(|| crate::host::placement::cores().len() as u32),
        memory_bytes: arguments.memory.unwrap_or(0) as f64,
        reply_bytes: arguments.reply_size.unwrap_or(64) as f64,
        needs: Needs {
            isolation: arguments.isolation,
            shared_state: arguments.shared_state,
            blocking_libraries: arguments.blocking_libraries,
        },
        target: arguments.target.map(target).transpose()?,
    };
    asked.check().map_err(Error::Usage)?;
    Ok((asked, command))
}

fn target(bound: Expectation) -> Result<Target, Error> {
    let statistic = match bound.figure {
        Expected::Mean => Statistic::Mean,
        Expected::Percentile(percent) => Statistic::Percentile(percent),
        Expected::Longest => {
            let text = "--target: the longest time has no prediction; bound p99 or p99.9 instead";
            return Err(Error::Usage(text.to_owned()));
        }
    };
    Ok(Target { statistic, below_ns: bound.below_ns as f64 })
}

fn traffic(arguments: &AdviseArgs, processing_ns: f64) -> Result<Traffic, Error> {
    let usage = |text: &str| Error::Usage(text.to_owned());
    let think = arguments.think.unwrap_or_else(|| Distribution::fixed(0.0));
    match (arguments.rate, arguments.session, arguments.clients) {
        (Some(rate), Some(length), kept) => Ok(Traffic::Sessions { rate, length, think, kept }),
        (Some(rate), None, Some(clients)) if arguments.think.is_some() => {
            check_closed(rate, clients, think.mean(), processing_ns).map_err(Error::Usage)?;
            Ok(Traffic::Closed { clients, think })
        }
        (Some(_), None, None) if arguments.think.is_some() => {
            Err(usage("--think is the pause of a client; give --clients or --session with it"))
        }
        (Some(rate), None, kept) => Ok(Traffic::Requests { rate, kept }),
        (None, None, Some(clients)) if arguments.think.is_some() => {
            Ok(Traffic::Closed { clients, think })
        }
        (None, Some(_), _) => Err(usage(
            "--session says how many requests a session makes; give --rate too, sessions a second",
        )),
        (None, None, _) => Err(usage(
            "how often do requests come? give --rate (300/s), or --clients and --think (clients that \
             wait, pause and ask again)",
        )),
    }
}

/// Waiting and computing.
fn processing(
    arguments: &AdviseArgs,
) -> Result<(Distribution<Nanoseconds>, Distribution<Nanoseconds>), Error> {
    let none = Distribution::fixed(0.0);
    let compute = arguments.compute.unwrap_or(none);
    if arguments.from.is_some() && arguments.wait.is_some() {
        let text =
            "wait and from contradict each other: from gives measured times; leave one of them out";
        return Err(Error::Usage(text.to_owned()));
    }
    let Some(from) = &arguments.from else {
        if arguments.wait.is_none() && arguments.compute.is_none() {
            let text = "how long does a request take? give --wait, --compute, or --from FILE with times \
                        that you measured";
            return Err(Error::Usage(text.to_owned()));
        }
        return Ok((arguments.wait.unwrap_or(none), compute));
    };
    let times = measured_times(from)?;
    let waits = times.into_iter().map(|time| (time - compute.mean()).max(0.0)).collect();
    let samples =
        Samples::keep(waits).ok_or_else(|| Error::Usage(format!("{from} holds no times")))?;
    Ok((Distribution::Empirical(samples), compute))
}

/// The times of a file, one a line or in a column, in nanoseconds.
fn measured_times(from: &str) -> Result<Vec<f64>, Error> {
    let (path, column) = match from.rsplit_once(':') {
        Some((path, column)) if !Path::new(from).exists() => (path, Some(column)),
        _ => (from, None),
    };
    let text = read_text(Path::new(path))?;
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let fields = |line: &str| -> Vec<String> {
        line.split([',', ';', '\t'])
            .map(|field| field.trim().trim_matches('"').to_owned())
            .collect()
    };
    let place = match column {
        None => 0,
        Some(column) => {
            let header = lines.next().map(|(_, line)| fields(line)).unwrap_or_default();
            header.iter().position(|name| name == column).ok_or_else(|| {
                let names = header.join(", ");
                Error::Usage(format!("{path} has no column '{column}'; its columns are: {names}"))
            })?
        }
    };
    let mut times = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let field = fields(line).into_iter().nth(place).unwrap_or_default();
        let time = field.parse::<f64>().map(|ms| ms * 1e6).or_else(|_| Nanoseconds::read(&field));
        match time {
            Ok(time) if time.is_finite() && time >= 0.0 => times.push(time),
            // The first line of a file may name its only column.
            _ if number == 1 && column.is_none() && !field.starts_with('-') => {}
            _ => {
                return Err(Error::Usage(format!(
                    "{path}, line {number}: '{field}' is not a time; write milliseconds as a number, or \
                     a number with its unit: 20us, 2ms"
                )));
            }
        }
    }
    if times.is_empty() {
        return Err(Error::Usage(format!("{path} holds no times; write one a line")));
    }
    Ok(times)
}

/// The arguments with what the file adds to them.
fn with_file(mut arguments: AdviseArgs) -> Result<AdviseArgs, Error> {
    let Some(path) = arguments.file.clone() else { return Ok(arguments) };
    let text = read_text(&path)?;
    let file: File = toml::from_str(&text).map_err(|error| {
        Error::Usage(format!("{}: {}", path.display(), error.to_string().trim_end()))
    })?;
    let reader = Reader { path: &path, text: &text };
    reader.add(&mut arguments.rate, file.rate, "rate", |it| it.parse())?;
    reader.add(&mut arguments.wait, file.wait, "wait", |it| it.parse())?;
    reader.add(&mut arguments.compute, file.compute, "compute", |it| it.parse())?;
    reader.add(&mut arguments.from, file.from, "from", |it| Ok(beside(&path, it)))?;
    reader.add(&mut arguments.clients, file.clients, "clients", |it| count(it, 10_000_000))?;
    reader.add(&mut arguments.session, file.session, "session", |it| it.parse())?;
    reader.add(&mut arguments.think, file.think, "think", |it| it.parse())?;
    reader.add(&mut arguments.reply_size, file.reply_size, "reply-size", read_size)?;
    reader.add(&mut arguments.transport, file.transport, "transport", read_transport)?;
    reader.add(&mut arguments.cores, file.cores, "cores", |it| count(it, 4096))?;
    reader.add(&mut arguments.memory, file.memory, "memory", read_size)?;
    reader.add(&mut arguments.target, file.target, "target", Expectation::from_str)?;
    arguments.isolation |= file.isolation;
    arguments.shared_state |= file.shared_state;
    arguments.blocking_libraries |= file.blocking_libraries;
    Ok(arguments)
}

/// A path in a workload file is meant from the file's folder.
fn beside(file: &Path, path: &str) -> String {
    file.parent().unwrap_or(Path::new("")).join(path).display().to_string()
}

fn count(text: &str, most: u32) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("'{text}' is not a number from 1 to {most}"))
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    /// Takes a key of the file, where no flag was given.
    fn add<T>(
        &self,
        to: &mut Option<T>,
        value: Option<Spanned<toml::Value>>,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<(), Error> {
        let Some(value) = value else { return Ok(()) };
        let span = value.span();
        let line = self.text[..span.start].matches('\n').count() + 1;
        let written = match value.into_inner() {
            toml::Value::String(text) => text,
            _ => self.text[span].to_owned(),
        };
        let read = read(&written).map_err(|why| {
            Error::Usage(format!("{}, line {line}: {key}: {why}", self.path.display()))
        })?;
        to.get_or_insert(read);
        Ok(())
    }
}

/// The command line that asks the same.
fn command(arguments: &AdviseArgs) -> String {
    let AdviseArgs {
        file,
        rate,
        wait,
        compute,
        from,
        clients,
        session,
        think,
        reply_size,
        transport,
        cores,
        memory,
        isolation,
        shared_state,
        blocking_libraries,
        target,
        costs,
        explain: _,
        measure: _,
        page: _,
        all: _,
        json: _,
    } = arguments;
    let quoted = |value: &dyn Display| {
        let text = value.to_string();
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:,=".contains(c));
        if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
    };
    let mut words = vec!["crossover advise".to_owned()];
    words.extend(file.iter().map(|path| quoted(&path.display())));
    let flags: [(&str, Option<String>); 13] = [
        ("rate", rate.map(|it| quoted(&it))),
        ("wait", wait.map(|it| quoted(&it))),
        ("compute", compute.map(|it| quoted(&it))),
        ("from", from.as_ref().map(|it| quoted(it))),
        ("clients", clients.map(|it| quoted(&it))),
        ("session", session.map(|it| quoted(&it))),
        ("think", think.map(|it| quoted(&it))),
        ("reply-size", reply_size.map(|it| quoted(&it))),
        ("transport", transport.map(|it| quoted(&it))),
        ("cores", cores.map(|it| quoted(&it))),
        ("memory", memory.map(|it| quoted(&it))),
        ("target", target.map(|it| quoted(&it))),
        ("costs", costs.as_ref().map(|it| quoted(&it.as_written()))),
    ];
    let given = flags.into_iter().filter_map(|(name, value)| Some(format!("--{name} {}", value?)));
    words.extend(given);
    let switches = [
        ("--isolation", *isolation),
        ("--shared-state", *shared_state),
        ("--blocking-libraries", *blocking_libraries),
    ];
    words.extend(switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()));
    words.join(" ")
}
