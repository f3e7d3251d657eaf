//! `crossover load`: one load on one server, Crossover's own or foreign.

mod advice;
mod capacity;
mod curve;
mod exports;
mod output;
mod page;
mod rules;
mod saved;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use loadgen::driver::Pacing;
use loadgen::expectation::CheckResult;
use loadgen::{DriveError, Exchange, HttpRequest, Progress, RawReply, Template};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use results::{Machine, Measurement, Placement};
use workload::{Arrivals, LoadSpec, Network, Plan, Reuse, Session};

use crate::cli::{LatencyFile, LoadArgs, Scheme, TargetService};
use crate::error::Error;
use crate::host::interrupt::Interrupt;
use crate::host::placement::{LatencyHold, cores, cores_within_reach, stay_on};
use crate::setup::fits_transport;
use crate::terminal::end_with;
use crate::terminal::progress::LiveLine;
use crate::testbed::generator::{GeneratorSetup, measure};
use exports::{Exports, Write, since_1970_ms};
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
    let plan = match arguments.requests {
        Some(requests) => Plan::draw_exactly(spec.clone(), requests)?,
        None => Plan::draw(spec.clone())?,
    };
    let machine = crate::host::machine::probe(); // before the generator keeps to its cores
    let stop = Interrupt::watch()?;
    let latency = match arguments.latency_file {
        LatencyFile::Hold => LatencyHold::take(),
        LatencyFile::Leave => LatencyHold::leave(),
    };
    allow_many_descriptors();
    let generator = generator_of(arguments, latency.is_held())?;
    let folder = arguments.report.as_deref().map(page::folder).transpose()?;
    if arguments.curve {
        let (spec, target, generator, machine) = (&spec, &target, &generator, &machine);
        let curve = curve::Curve { arguments, spec, target, generator, machine, stop: &stop };
        return curve::run(&curve, folder);
    }
    let host = (machine, generator.placement.clone());
    let exports = Exports::prepare(arguments, saving(arguments, &plan, host.clone()))?;
    if let Some(bound) = &arguments.capacity {
        return capacity::run(arguments, bound, &spec, &target, &generator, &stop);
    }
    let live = (io::stderr().is_terminal() && !arguments.json)
        .then(|| LiveLine::show(&generator.progress, plan.spec.warmup + plan.spec.window));
    let limit = ErrorLimit { share: arguments.stop_when, progress: &generator.progress };
    let measured = measure(&plan, &target, &generator, &|| stop.came() || limit.is_exceeded())?;
    drop(live);
    // The results are printed first, so that a failed file cannot lose them.
    let printed = output::print(arguments, &plan, &generator, &measured);
    let reported = folder.map_or(Ok(()), |folder| {
        page::write(&folder, arguments, &plan, &generator, &host.0, &measured)
    });
    let written = [printed, exports.write(&measured), reported];
    let mut errors: Vec<Error> = written.into_iter().filter_map(Result::err).collect();
    errors.retain(|error| !error.is_closed_pipe());
    if stop.came() {
        errors.push(Error::Interrupted(format!(
            "ended by {}; the results cover the requests until then",
            stop.name()
        )));
    }
    // A load that was stopped for its errors has told why.
    errors.extend(limit.error().or_else(|| nothing_answered(arguments, &measured)));
    errors.extend(unmet(arguments, &measured));
    end_with(errors)
}

/// What writes the load as a record.
fn saving(arguments: &LoadArgs, plan: &Plan, host: (Machine, Placement)) -> Write {
    let (arguments, plan, started_ms) = (arguments.clone(), plan.clone(), since_1970_ms());
    Box::new(move |out, measured| {
        out.extend(saved::line(&arguments, &plan, host.clone(), started_ms, measured));
        Ok(())
    })
}

/// When a load stops because too many requests get no right answer.
struct ErrorLimit<'a> {
    share: Option<f64>,
    progress: &'a [Arc<Progress>],
}

impl ErrorLimit<'_> {
    /// So many requests are sent before their share of errors means anything.
    const LEAST: u64 = 100;

    /// Requests sent and failed so far.
    fn seen(&self) -> (u64, u64) {
        self.progress
            .iter()
            .map(|it| it.sent_and_failed())
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    fn is_exceeded(&self) -> bool {
        self.share.is_some_and(|share| {
            let (sent, failed) = self.seen();
            sent >= Self::LEAST && failed as f64 > share * sent as f64
        })
    }

    fn error(&self) -> Option<Error> {
        let share = self.share.filter(|_| self.is_exceeded())?;
        let (sent, failed) = self.seen();
        Some(Error::NotMet(format!(
            "stopped: {failed} of {sent} requests got no right answer, more than {} %",
            100.0 * share
        )))
    }
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
        window: arguments.requests.map_or(arguments.window, |requests| {
            let rate = arguments.rate.unwrap_or(usual).get();
            Duration::from_secs_f64((requests as f64 / rate).clamp(1e-6, 86_400.0))
        }),
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
    let transport = target.scheme.transport();
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
