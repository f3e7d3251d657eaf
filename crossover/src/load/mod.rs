//! `crossover load`: one load on one server, Crossover's own or foreign.

mod advice;
mod capacity;
mod output;
mod rules;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use loadgen::driver::Pacing;
use loadgen::expectation::CheckResult;
use loadgen::{DriveError, Exchange, HttpRequest, RawReply, Template};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use protocol::Transport;
use results::{Measurement, OutputFile, Placement, is_same_file};
use workload::{Arrivals, LoadSpec, Network, Plan, Reuse, Session};

use crate::cli::{LatencyFile, LoadArgs, Scheme, TargetService};
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::host::placement::{LatencyHold, cores, cores_within_reach, stay_on};
use crate::setup::fits_transport;
use crate::terminal::end_with;
use crate::terminal::progress::LiveLine;
use crate::testbed::generator::{GeneratorSetup, measure};
use loadgen::Target;

pub(crate) fn run(arguments: &LoadArgs) -> Result<(), Error> {
    let addresses = &arguments.target.addresses;
    if let Some(remote) =
        addresses.iter().find(|address| !address.ip().to_canonical().is_loopback())
        && !arguments.allow_remote
    {
        return Err(DriveError::NotLoopback(*remote).into());
    }
    rules::check(arguments)?;
    let target = target_of(arguments)?;
    let spec = spec_of(arguments);
    fits_transport(&spec, target.transport).map_err(Error::Usage)?;
    let plan = Plan::draw(spec.clone())?;
    let exports = Exports::prepare(arguments)?;
    let stop = Interrupt::watch()?;
    let latency = match arguments.latency_file {
        LatencyFile::Hold => LatencyHold::take(),
        LatencyFile::Leave => LatencyHold::leave(),
    };
    allow_many_descriptors();
    let generator = generator_of(arguments, latency.is_held())?;
    if let Some(bound) = &arguments.capacity {
        return capacity::run(arguments, bound, &spec, &target, &generator, &stop);
    }
    let live = (io::stderr().is_terminal() && !arguments.json)
        .then(|| LiveLine::show(&generator.progress, plan.spec.warmup + plan.spec.window));
    let measured = measure(&plan, &target, &generator, &|| stop.came())?;
    drop(live);
    // The results are printed first, so that a failed file cannot lose them.
    let printed = output::print(arguments, &plan, &generator, &measured);
    let mut errors: Vec<Error> = [printed, exports.write(&measured)]
        .into_iter()
        .filter_map(Result::err)
        .filter(|error| !error.is_closed_pipe())
        .collect();
    if stop.came() {
        errors.push(Error::Interrupted(format!(
            "ended by {}; the results cover the requests until then",
            stop.name()
        )));
    }
    errors.extend(nothing_answered(arguments, &measured));
    errors.extend(unmet(arguments, &measured));
    end_with(errors)
}

/// The error of a load that got no right answer and so measured nothing of the server.
fn nothing_answered(arguments: &LoadArgs, measured: &Measurement) -> Option<Error> {
    let counts = &measured.counts;
    if counts.answered > 0 || (counts.planned == 0 && !measured.events.nobody_listens) {
        return None;
    }
    let at = &arguments.target.host;
    let what = if measured.events.nobody_listens {
        let sent = counts.sent + measured.events.warmup;
        format!("no server listens at {at}: the kernel refused all of the first {sent} requests")
    } else {
        format!("none of the {} requests to {at} was answered", counts.planned)
    };
    let hint = advice::hint(arguments, measured).unwrap_or_else(|| {
        "check that the server runs and speaks the protocol of the load".to_owned()
    });
    Some(Error::NoAnswer(format!("{what}; {hint}")))
}

/// The errors of expectations that are not met, or that the run cannot decide.
fn unmet(arguments: &LoadArgs, measured: &Measurement) -> Vec<Error> {
    let unmet =
        arguments.expect.iter().filter_map(|expectation| match expectation.verdict(measured) {
            CheckResult::Met => None,
            CheckResult::NotMet => {
                let was = output::shown(expectation.figure.of(measured));
                Some(Error::NotMet(format!("not met: {expectation}; it was {was}")))
            }
            CheckResult::NotValid(because) => {
                Some(Error::NotValid(format!("{expectation}: {because}")))
            }
        });
    unmet.collect()
}

fn spec_of(arguments: &LoadArgs) -> LoadSpec {
    let usual = LoadSpec::default().arrivals.rate().expect("the usual load has a rate");
    LoadSpec {
        arrivals: if arguments.closed {
            Arrivals::Closed(arguments.think)
        } else {
            Arrivals::open(arguments.rate.unwrap_or(usual), arguments.arrivals)
        },
        session: arguments.session.map(|length| Session { length, think: arguments.think }),
        clients: arguments.clients,
        depth: arguments.pipeline,
        window: arguments.window,
        warmup: arguments.warmup,
        wait: arguments.wait,
        compute: arguments.compute,
        request_size: arguments.request_size,
        reply_size: arguments.reply_size,
        // A request that announces the end of its connection must be the last on it.
        reuse: match says_close(arguments) {
            true => Reuse::Per(1),
            false => arguments.connection,
        },
        close: arguments.close.into(),
        timeout: arguments.timeout,
        max_in_flight: arguments.max_in_flight,
        seed: arguments.seed,
    }
}

/// The server, and the exchange with it.
fn target_of(arguments: &LoadArgs) -> Result<Target, Error> {
    let target = &arguments.target;
    let transport = match target.scheme {
        Scheme::Udp => Transport::Udp,
        Scheme::Tcp | Scheme::Http => Transport::Tcp,
    };
    let body = arguments.body.as_ref().map_or(&[][..], |body| &body.0);
    let exchange = match (target.scheme, &arguments.send, arguments.service) {
        (Scheme::Http, ..) => {
            let (method, headers) = (&arguments.method, headers_of(arguments));
            let request = HttpRequest::new(method, &target.host, &target.path, &headers, body);
            let right = arguments.ok.clone().unwrap_or_default();
            Exchange::Http(request.map_err(Error::Usage)?.expecting(right))
        }
        (_, Some(request), _) => Exchange::Raw {
            request: Template::of(&request.0),
            reply: match (arguments.reply_length, &arguments.reply_until) {
                (Some(length), _) => RawReply::Length(length as usize),
                (None, Some(delimiter)) => RawReply::Delimiter(delimiter.0.clone()),
                (None, None) => RawReply::Delimiter(b"\n".to_vec()),
            },
        },
        (_, None, TargetService::Work) => Exchange::Work,
        (_, None, TargetService::Echo) => Exchange::Echo,
        (_, None, TargetService::Next) => Exchange::Next,
    };
    Ok(Target {
        transport,
        addresses: target.addresses.clone(),
        exchange,
        unconnected: arguments.unconnected,
        kernel_stamps: arguments.kernel_stamps,
        offload: arguments.offload,
        network: network(arguments),
    })
}

/// What is done to requests on their way.
pub(super) fn network(arguments: &LoadArgs) -> Network {
    let LoadArgs { drop, duplicate, reorder, .. } = *arguments;
    Network { drop, duplicate, reorder }
}

/// Whether the request announces the end of its connection.
fn says_close(arguments: &LoadArgs) -> bool {
    arguments.headers.iter().any(|field| {
        field.split_once(':').is_some_and(|(name, value)| {
            let closes = |option: &str| option.trim().eq_ignore_ascii_case("close");
            name.eq_ignore_ascii_case("connection") && value.split(',').any(closes)
        })
    })
}

/// The header fields: those of `--header`, and the credentials in the target if no header gives
/// any.
fn headers_of(arguments: &LoadArgs) -> Vec<String> {
    let mut headers = arguments.headers.clone();
    let is_given = |field: &String| field.to_ascii_lowercase().starts_with("authorization:");
    if let Some(value) = &arguments.target.authorization
        && !headers.iter().any(is_given)
    {
        headers.push(format!("Authorization: {value}"));
    }
    headers
}

/// Raises the limit of open descriptors to the hard limit, because a load may need many sockets.
fn allow_many_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn generator_of(arguments: &LoadArgs, latency_held: bool) -> Result<GeneratorSetup, Error> {
    let usable = cores();
    let mut chosen =
        if arguments.cores.is_empty() { usable.clone() } else { arguments.cores.clone() };
    chosen.sort_unstable();
    chosen.dedup();
    if let Some(core) = chosen.iter().find(|core| !usable.contains(core)) {
        return Err(Error::Usage(format!("there is no core {core}; the cores are {usable:?}")));
    }
    if chosen != usable {
        stay_on(&chosen);
    }
    let threads = arguments.threads as usize;
    let within_reach = cores_within_reach();
    // A server on this machine runs on the cores that the generator does not use.
    let is_local = arguments.target.addresses[0].ip().is_loopback();
    let anywhere = arguments.cores.is_empty() && usable == within_reach;
    let taken = if anywhere { threads } else { chosen.len() };
    let shared = is_local && within_reach.len() <= taken;
    let has_own = chosen.len() >= threads;
    let suitable = Pacing::for_cores(threads, if has_own { within_reach.len() } else { 1 });
    let pacing = arguments.pacing.map_or(suitable, Pacing::from);
    Ok(GeneratorSetup {
        placement: Placement {
            generator_cores: chosen,
            shared,
            latency_held,
            generator_spins: pacing != Pacing::Sleep,
            pacing: pacing.to_string(),
            ..Placement::default()
        },
        pacing,
        progress: (0..threads).map(|_| Arc::default()).collect(),
    })
}

/// The export files. They are prepared before the load, so that a wrong path is reported early.
struct Exports(Vec<Export>);

struct Export {
    path: PathBuf,
    file: OutputFile,
    write: fn(&mut Vec<u8>, &Measurement) -> io::Result<()>,
}

impl Exports {
    fn prepare(arguments: &LoadArgs) -> Result<Self, Error> {
        if let (Some(hlog), Some(hgrm)) = (&arguments.hlog, &arguments.hgrm)
            && is_same_file(hlog, hgrm)
        {
            return Err(Error::Usage(
                "--hlog and --hgrm name the same file; give each its own file".to_owned(),
            ));
        }
        let export = |path: &Option<PathBuf>, write| {
            let path = path.clone()?;
            let prepared = OutputFile::prepare(&path).map_err(Error::file("write", &path));
            Some(prepared.map(|file| Export { path, file, write }))
        };
        let asked: [Option<Result<Export, Error>>; 2] =
            [export(&arguments.hlog, write_hlog), export(&arguments.hgrm, write_hgrm)];
        asked.into_iter().flatten().collect::<Result<_, _>>().map(Self)
    }

    /// Writes every file, even after a failure, and returns the first failure.
    fn write(self, measured: &Measurement) -> Result<(), Error> {
        let written = self.0.into_iter().map(|Export { path, file, write }| {
            let mut bytes = Vec::new();
            write(&mut bytes, measured)
                .and_then(|()| file.write(&bytes))
                .map_err(Error::file("write", &path))
        });
        written.collect::<Vec<_>>().into_iter().collect()
    }
}

/// Writes the format of HdrHistogram's log processors. Values are in nanoseconds, the whole run is
/// one interval, and unanswered requests have the bound that they exceed as their value.
fn write_hlog(out: &mut Vec<u8>, measured: &Measurement) -> io::Result<()> {
    let (histogram, window) =
        (&measured.times.response_time, Duration::from_nanos(measured.window_ns));
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("response times from the intended start, in nanoseconds");
    let to_io = |error| io::Error::other(format!("{error:?}"));
    let mut writer = builder.begin_log_with(out, &mut serializer)?;
    writer.write_histogram(&histogram.hdr_histogram(), Duration::ZERO, window, None).map_err(to_io)
}

/// Writes the table that HdrHistogram's plotter reads. Values are in milliseconds.
fn write_hgrm(out: &mut Vec<u8>, measured: &Measurement) -> io::Result<()> {
    let histogram = measured.times.response_time.hdr_histogram();
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut seen = 0;
    for step in histogram.iter_quantiles(5) {
        seen += step.count_since_last_iteration();
        let (value, quantile) =
            (step.value_iterated_to() as f64 / 1e6, step.quantile_iterated_to());
        write!(out, "{value:>12.3} {quantile:>2.12} {seen:>10}")?;
        match quantile < 1.0 {
            true => writeln!(out, " {:>14.2}", 1.0 / (1.0 - quantile))?,
            false => writeln!(out)?,
        }
    }
    let (mean, deviation) = (histogram.mean() / 1e6, histogram.stdev() / 1e6);
    writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]")?;
    let (max, count) = (histogram.max() as f64 / 1e6, histogram.len());
    writeln!(out, "#[Max     = {max:>12.3}, Total count    = {count:>12}]")
}
