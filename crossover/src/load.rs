//! `crossover load`: one load on one server, own or foreign.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use loadgen::driver::{Pacing, TcpTransport, UdpTransport};
use loadgen::judge::{Surroundings, measurement};
use loadgen::{Arrivals, DriveError, LoadSpec, Plan, RunLog, drive};
use nix::time::{ClockId, clock_gettime};
use results::{Measurement, Placement, Spectrum, Summary};
use serde::Serialize;
use servers::Transport;

use crate::cli::{LoadArgs, Target};
use crate::error::Error;
use crate::interrupt::flag_on_interrupt;
use crate::machine::KernelCounters;
use crate::placement::{LatencyHold, cores};
use crate::scenario::fits_transport;
use crate::tables;

pub(crate) fn run(arguments: &LoadArgs) -> Result<(), Error> {
    let target = arguments.target;
    if !arguments.allow_remote && !target.address.ip().is_loopback() {
        return Err(DriveError::NotLoopback(target.address).into());
    }
    let spec = spec_of(arguments);
    fits_transport(&spec, target.transport).map_err(Error::Usage)?;
    let plan = Plan::draw(spec)?;
    let exports = Exports::create(arguments)?;
    let stop = flag_on_interrupt()?;
    let latency = LatencyHold::take();
    let cores = cores();
    let spins = arguments.pacing.map_or(cores.len() > 1, |kind| Pacing::Spin == kind.into());
    let placement = Placement {
        generator_cores: cores,
        latency_held: latency.is_held(),
        generator_spins: spins,
        ..Placement::default()
    };
    let measured = measure(&plan, target, placement, &|| stop.load(Relaxed))?;
    exports.write(&measured.response_time)?;
    print(arguments, &measured)?;
    if stop.load(Relaxed) {
        return Err(Error::Interrupted(
            "ended by Ctrl-C; the figures are of the requests until then".to_owned(),
        ));
    }
    Ok(())
}

fn spec_of(arguments: &LoadArgs) -> LoadSpec {
    LoadSpec {
        arrivals: if arguments.closed {
            Arrivals::Closed(arguments.think)
        } else {
            arguments.arrivals.at(arguments.rate)
        },
        clients: arguments.clients,
        window: arguments.window,
        warmup: arguments.warmup,
        wait: arguments.wait,
        compute: arguments.compute,
        request_size: arguments.request_size,
        reply_size: arguments.reply_size,
        reuse: arguments.connection,
        timeout: arguments.timeout,
        max_in_flight: arguments.max_in_flight,
        seed: arguments.seed,
    }
}

/// Drives a plan against a real server from the calling thread, and judges the run.
pub(crate) fn measure(
    plan: &Plan,
    target: Target,
    placement: Placement,
    stop: &dyn Fn() -> bool,
) -> Result<Measurement, DriveError> {
    let pacing = if placement.generator_spins { Pacing::Spin } else { Pacing::Sleep };
    // Timers of the generator are to be as precise as the server's.
    let _ = nix::sys::prctl::set_timerslack(1);
    let before = KernelCounters::read();
    let used_before = thread_processor_ns();
    let log = drive_over(plan, target, pacing, stop)?;
    let generator_ns = thread_processor_ns() - used_before;
    let events = KernelCounters::read().since(&before);
    let surroundings = Surroundings {
        placement,
        generator_ns,
        stolen_share: events.stolen_share,
        datagrams_dropped: events.datagrams_dropped,
        connections_dropped: events.connections_dropped,
    };
    let mut measured = measurement(plan, log, &surroundings);
    if target.transport == Transport::Tcp {
        measured.requests_lost = None;
        measured.replies_lost = None;
    }
    Ok(measured)
}

fn drive_over(
    plan: &Plan,
    target: Target,
    pacing: Pacing,
    stop: &dyn Fn() -> bool,
) -> Result<RunLog, DriveError> {
    let (address, clients) = (target.address, plan.spec.clients);
    match target.transport {
        Transport::Udp => {
            let mut transport = UdpTransport::new(address, clients, pacing)?;
            Ok(drive(plan, &mut transport, stop))
        }
        Transport::Tcp => {
            let mut transport = TcpTransport::new(address, clients, plan.spec.reuse, pacing)?;
            Ok(drive(plan, &mut transport, stop))
        }
    }
}

fn thread_processor_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0, |time| Duration::from(time).as_nanos() as u64)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    plan_hash: &'a str,
    counts: results::Counts,
    warmup: u64,
    late: u64,
    duplicates: u64,
    requests_lost: Option<u64>,
    replies_lost: Option<u64>,
    rate_planned: Option<f64>,
    rate_achieved: f64,
    response_time: Summary,
    response_time_short: Option<Summary>,
    from_send: Summary,
    lag: Summary,
    service_time: Summary,
    connect_time: Option<Summary>,
    waited_mean_ns: f64,
    computed_mean_ns: f64,
    generator: results::GeneratorCost,
    doubts: Vec<PrintedDoubt<'a>>,
}

#[derive(Serialize)]
struct PrintedDoubt<'a> {
    #[serde(flatten)]
    doubt: &'a results::Doubt,
    text: String,
}

fn print(arguments: &LoadArgs, measured: &Measurement) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    if !arguments.json {
        return Ok(print_tables(&mut out, measured)?);
    }
    let printed = Printed {
        plan_hash: &measured.plan_hash,
        counts: measured.counts,
        warmup: measured.warmup,
        late: measured.late,
        duplicates: measured.duplicates,
        requests_lost: measured.requests_lost,
        replies_lost: measured.replies_lost,
        rate_planned: measured.rate_planned,
        rate_achieved: measured.rate_achieved,
        response_time: measured.response_time.summary(),
        response_time_short: measured.response_time_short.as_ref().map(Spectrum::summary),
        from_send: measured.from_send.summary(),
        lag: measured.lag.summary(),
        service_time: measured.service_time.summary(),
        connect_time: measured.connect_time.as_ref().map(Spectrum::summary),
        waited_mean_ns: measured.waited_mean_ns,
        computed_mean_ns: measured.computed_mean_ns,
        generator: measured.generator,
        doubts: measured
            .doubts
            .iter()
            .map(|doubt| PrintedDoubt { doubt, text: doubt.to_string() })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut out, &printed).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn print_tables(out: &mut impl Write, measured: &Measurement) -> io::Result<()> {
    writeln!(out, "{}", tables::times(measured))?;
    let planned = match measured.rate_planned {
        Some(rate) => format!("{rate:.1}/s planned"),
        None => "closed loop: the intended start moves with the server".to_owned(),
    };
    writeln!(
        out,
        "\n{planned}, {:.1}/s sent; plan {}",
        measured.rate_achieved, measured.plan_hash
    )?;
    let counts = &measured.counts;
    writeln!(out, "{} planned = {} sent + {} unsent", counts.planned, counts.sent, counts.unsent)?;
    writeln!(
        out,
        "{} sent = {} answered + {} refused + {} reset + {} wrong + {} timed out + {} in flight",
        counts.sent,
        counts.answered,
        counts.refused,
        counts.reset,
        counts.wrong,
        counts.timed_out,
        counts.in_flight
    )?;
    if let (Some(requests), Some(replies)) = (measured.requests_lost, measured.replies_lost) {
        writeln!(
            out,
            "lost on the way: {requests} requests, {replies} replies; {} late, {} double",
            measured.late, measured.duplicates
        )?;
    }
    if measured.doubts.is_empty() {
        return writeln!(out, "nothing to doubt");
    }
    writeln!(out, "doubts:")?;
    measured.doubts.iter().try_for_each(|doubt| writeln!(out, "  - {doubt}"))
}

/// Files asked for beside the output; created first, so that a wrong path shows before the load.
struct Exports {
    hlog: Option<File>,
    hgrm: Option<File>,
}

impl Exports {
    fn create(arguments: &LoadArgs) -> Result<Self, Error> {
        let create = |path: &Path| File::create(path).map_err(Error::file("write", path));
        Ok(Self {
            hlog: arguments.hlog.as_deref().map(create).transpose()?,
            hgrm: arguments.hgrm.as_deref().map(create).transpose()?,
        })
    }

    fn write(self, response_time: &Spectrum) -> Result<(), Error> {
        if let Some(file) = self.hlog {
            write_hlog(&mut BufWriter::new(file), response_time)?;
        }
        if let Some(file) = self.hgrm {
            write_hgrm(&mut BufWriter::new(file), response_time)?;
        }
        Ok(())
    }
}

/// The format of HdrHistogram's log processors; values in nanoseconds, the whole run as one
/// interval, the unanswered with the bound that they exceed.
fn write_hlog(out: &mut impl Write, spectrum: &Spectrum) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("response times from the intended start, in nanoseconds");
    let to_io = |error| io::Error::other(format!("{error:?}"));
    let mut writer = builder.begin_log_with(out, &mut serializer)?;
    let interval = Duration::from_nanos(spectrum.max().at_least_ns().unwrap_or(0));
    writer.write_histogram(&spectrum.histogram(), Duration::ZERO, interval, None).map_err(to_io)
}

/// The table that HdrHistogram's plotter reads; values in milliseconds.
fn write_hgrm(out: &mut impl Write, spectrum: &Spectrum) -> io::Result<()> {
    let histogram = spectrum.histogram();
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
