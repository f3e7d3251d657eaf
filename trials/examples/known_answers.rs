//! Compares measurements on real sockets with the truth, in experiments whose answer arithmetic
//! gives.
//!
//! `cargo run --release --example known_answers` prints a row for each and takes about three
//! minutes. It exits with 1 if a row is outside its margin.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossover::setup::ServerSetup;
use crossover::testbed::RealTestbed;
use crossover::testbed::ServerProcess;
use loadgen::Target;
use model::{iterative_mean_response, stopped_server_p99};
use nix::sys::signal::{Signal, kill};
use protocol::Transport;
use protocol::{Decoded, MAX_MESSAGE_SIZE, Reply, decode_request, encode_reply};
use results::{Measurement, Percentile, Placement};
use servers::Design;
use trials::{self, Failed};
use workload::{Arrivals, Distribution, LoadSpec, Plan, Rate};

fn main() -> ExitCode {
    trials::main(run)
}

fn run() -> Result<bool, Failed> {
    let testbed = RealTestbed::new();
    println!("{:<44} {:>14} {:>14} {:>9}", "experiment", "measured", "true", "ratio");
    let rows =
        [poisson(&testbed, 0.5)?, poisson(&testbed, 0.8)?, stopped(&testbed)?, ignored(&testbed)?];
    Ok(rows.iter().all(|held| *held))
}

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).expect("the experiments' rates are above 0")
}

fn row(name: &str, measured_ns: f64, true_ns: f64, margin: f64) -> bool {
    let ratio = measured_ns / true_ns;
    let held = (ratio - 1.0).abs() <= margin;
    let text = analysis::text::time;
    println!(
        "{name:<44} {:>14} {:>14} {ratio:>9.3}  {} (margin {:.0} %)",
        text(measured_ns),
        text(true_ns),
        if held { "holds" } else { "MISSED" },
        margin * 100.0
    );
    held
}

fn on_iterative(testbed: &RealTestbed, plan: &Plan) -> Result<Measurement, Failed> {
    let server = start_iterative(testbed)?;
    let measured = drive(testbed, server.address, plan)?;
    server.stop().map_err(|failure| failure.to_string())?;
    Ok(measured)
}

fn start_iterative(testbed: &RealTestbed) -> Result<ServerProcess, Failed> {
    let placement: &Placement = testbed.usual_placement();
    let design = Design::named("udp-iterative").ok_or("a design of the catalogue")?;
    Ok(ServerProcess::start(&ServerSetup::usual(design), &placement.server_cores)
        .map_err(|failure| failure.to_string())?)
}

fn drive(testbed: &RealTestbed, address: SocketAddr, plan: &Plan) -> Result<Measurement, Failed> {
    let target = Target::work(Transport::Udp, address);
    let measured =
        testbed.drive(&target, plan, &|| false).map_err(|failure| failure.to_string())?;
    for doubt in &measured.doubts {
        println!("    doubt: {doubt}");
    }
    Ok(measured)
}

/// An iterative UDP server with exponential waits of 2 ms under Poisson arrivals. The true mean is
/// that of Pollaczek and Khinchine, from the rate and the service times that were achieved.
fn poisson(testbed: &RealTestbed, utilisation: f64) -> Result<bool, Failed> {
    // A sleep overshoots, and receiving and replying take time, so the load is chosen a little
    // lower than 2 ms alone would ask.
    const SERVICE_S: f64 = 2.06e-3;
    let spec = LoadSpec {
        arrivals: Arrivals::poisson(rate(utilisation / SERVICE_S)),
        wait: Distribution::exponential(2e6),
        window: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        seed: 7,
        ..LoadSpec::default()
    };
    let measured = on_iterative(testbed, &Plan::draw(spec)?)?;
    let service_ns = measured.times.service_time.mean_ns().unwrap_or(f64::NAN);
    let squared_variation = measured.times.service_time.squared_variation().unwrap_or(f64::NAN);
    let per_ns = measured.rate_achieved / 1e9;
    let expected =
        iterative_mean_response(per_ns, service_ns, squared_variation).unwrap_or(f64::INFINITY);
    let name = format!("mean R, Poisson, achieved ρ = {:.3}", per_ns * service_ns);
    Ok(row(&name, measured.times.response_time.mean_ns().unwrap_or(f64::NAN), expected, 0.10))
}

/// A server that is stopped for 1.5 s of 30 s.
fn stopped(testbed: &RealTestbed) -> Result<bool, Failed> {
    const STOP: Duration = Duration::from_millis(1500);
    let run = Duration::from_secs(30);
    let spec = LoadSpec {
        arrivals: Arrivals::even(rate(500.0)),
        wait: Distribution::fixed(100e3),
        window: run,
        timeout: Duration::from_secs(10),
        ..LoadSpec::default()
    };
    let measured = through_a_stop(testbed, spec, STOP)?;
    let utilisation =
        measured.rate_achieved / 1e9 * measured.times.service_time.mean_ns().unwrap_or(f64::NAN);
    let expected = stopped_server_p99(STOP.as_secs_f64(), run.as_secs_f64(), utilisation) * 1e9;
    let p99 = |histogram: &results::TimeHistogram| {
        histogram.percentile(0.99).known_ns().map_or(f64::NAN, |ns| ns as f64)
    };
    let held = row(
        "p99, server stopped 1.5 s of 30 s",
        p99(&measured.times.response_time),
        expected,
        0.05,
    );
    println!(
        "    the same from the actual send: {}; an open loop does not wait, so the two agree",
        analysis::text::time(p99(&measured.times.from_send))
    );
    let closed = closed_loop_beside(testbed, STOP)?;
    println!(
        "    what a closed loop of one client prints for the same stop: {}",
        analysis::text::time(p99(&closed.times.response_time))
    );
    Ok(held)
}

/// The same stop seen by a closed loop: the error of coordinated omission.
fn closed_loop_beside(testbed: &RealTestbed, stop: Duration) -> Result<Measurement, Failed> {
    let spec = LoadSpec {
        arrivals: Arrivals::Closed(Distribution::fixed(1.9e6)),
        wait: Distribution::fixed(100e3),
        window: Duration::from_secs(30),
        timeout: Duration::from_secs(10),
        ..LoadSpec::default()
    };
    through_a_stop(testbed, spec, stop)
}

/// Drives a load during which the server is stopped once, after 10 s.
fn through_a_stop(
    testbed: &RealTestbed,
    spec: LoadSpec,
    stop: Duration,
) -> Result<Measurement, Failed> {
    let plan = Plan::draw(spec)?;
    let server = start_iterative(testbed)?;
    let pid = server.pid();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_secs(10));
        let stopped = kill(pid, Signal::SIGSTOP);
        thread::sleep(stop);
        stopped.and(kill(pid, Signal::SIGCONT))
    });
    let measured = drive(testbed, server.address, &plan)?;
    stopper.join().map_err(|_| "the stopping thread panicked")??;
    server.stop().map_err(|failure| failure.to_string())?;
    Ok(measured)
}

/// A server that ignores every fiftieth request: p97 is a number, p99 is not.
fn ignored(testbed: &RealTestbed) -> Result<bool, Failed> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(4)))?;
    let address = socket.local_addr()?;
    let server = thread::spawn(move || ignore_every_fiftieth(&socket));
    let spec = LoadSpec {
        arrivals: Arrivals::even(rate(1000.0)),
        window: Duration::from_secs(10),
        ..LoadSpec::default()
    };
    let measured = drive(testbed, address, &Plan::draw(spec)?)?;
    server.join().map_err(|_| "the server thread panicked")??;
    let shown = |share: f64| match measured.times.response_time.percentile(share) {
        Percentile::At(ns) => analysis::text::time(ns as f64),
        Percentile::Above(ns) => format!("> {}", analysis::text::time(ns as f64)),
        Percentile::Empty => "none".to_owned(),
    };
    let held = matches!(measured.times.response_time.percentile(0.97), Percentile::At(_))
        && measured.times.response_time.percentile(0.99) == Percentile::Above(1_000_000_000);
    let verdict = if held { "holds" } else { "MISSED" };
    println!(
        "{:<44} {:>14} {:>14} {:>9}  {verdict}",
        "p97, 2 % ignored",
        shown(0.97),
        "a number",
        ""
    );
    println!(
        "{:<44} {:>14} {:>14} {:>9}  {verdict}",
        "p99, 2 % ignored",
        shown(0.99),
        "> time-out",
        ""
    );
    Ok(held)
}

/// Serves until no request has come for the socket's time-out.
fn ignore_every_fiftieth(socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = [0; 2048];
    let mut out = Vec::new();
    for received_so_far in 1.. {
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let Ok(Decoded::Complete { message, .. }) =
            decode_request(&buffer[..length], MAX_MESSAGE_SIZE)
        else {
            continue;
        };
        if received_so_far % 50 == 0 {
            continue;
        }
        out.clear();
        let reply = Reply {
            id: message.id,
            refusal: None,
            worker: 0,
            received_so_far,
            taken_up_ns: 0,
            finished_ns: 0,
            computed: Duration::ZERO,
            waited: Duration::ZERO,
            reply_size: message.reply_size,
        };
        encode_reply(&reply, &mut out);
        socket.send_to(&out, from)?;
    }
    Ok(())
}
