//! Progress displays: the bar or lines of a bench, and the live line of a load.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use loadgen::progress::Seen;
use protocol::text::harmless;

use crate::terminal::say;
use crate::terminal::tables::time;

/// The shortest time between two progress lines when standard error is not a terminal.
const PAUSE_BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Shows progress on standard error: a bar on a terminal, lines elsewhere. It is drawn between runs
/// only, because a thread that redraws would disturb the measurement.
pub(crate) struct Progress {
    bar: ProgressBar,
    on_terminal: bool,
    started: Instant,
    last_line: Option<Instant>,
    all: usize,
    done: usize,
    all_ns: u64,
    done_ns: u64,
}

impl Progress {
    /// Starts the display for `all` runs that are planned to take `all_ns` nanoseconds together.
    pub(crate) fn new(all: usize, all_ns: u64) -> Self {
        let bar = ProgressBar::new(all as u64);
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self {
            bar,
            on_terminal: std::io::stderr().is_terminal(),
            started: Instant::now(),
            last_line: None,
            all,
            done: 0,
            all_ns,
            done_ns: 0,
        }
    }

    /// Shows the run that is about to start.
    pub(crate) fn begin(&mut self, cell: &str) {
        let text = format!("{} left · {cell}", HumanDuration(self.left()));
        if self.on_terminal {
            self.bar.set_message(harmless(&text).into_owned());
            self.bar.tick();
        } else if self.last_line.is_none_or(|last| last.elapsed() > PAUSE_BETWEEN_LINES) {
            say(&format!("run {} of {}, {text}", self.done + 1, self.all));
            self.last_line = Some(Instant::now());
        }
    }

    /// Records the end of a run that was planned to take `expected_ns` nanoseconds.
    pub(crate) fn end(&mut self, expected_ns: u64) {
        self.done += 1;
        self.done_ns += expected_ns;
        self.bar.inc(1);
    }

    /// Notes that further runs are to be made, which are planned to take `ns` nanoseconds.
    pub(crate) fn add(&mut self, runs: usize, ns: u64) {
        self.all += runs;
        self.all_ns = self.all_ns.saturating_add(ns);
        self.bar.inc_length(runs as u64);
    }

    /// Notes that so many runs need not be made.
    pub(crate) fn skip(&mut self, runs: usize) {
        let per_run = self.all_ns / self.all.max(1) as u64;
        self.all_ns = self.all_ns.saturating_sub(per_run * runs as u64);
        self.all -= runs.min(self.all);
        self.bar.set_length(self.all as u64);
    }

    /// Prints a text on a line of its own.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// The time left: by the plan at first, then by how well the plan has held so far.
    fn left(&self) -> Duration {
        let left_ns = self.all_ns.saturating_sub(self.done_ns) as f64;
        let pace = if self.done_ns > 1_000_000_000 {
            self.started.elapsed().as_nanos() as f64 / self.done_ns as f64
        } else {
            1.2
        };
        Duration::from_secs((left_ns * pace / 1e9).ceil() as u64)
    }
}

/// One line on standard error that shows, each second, how a load is going.
pub(crate) struct LiveLine {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LiveLine {
    /// Shows the line until it is dropped.
    pub(crate) fn show(generators: &[Arc<loadgen::Progress>], expected: Duration) -> Self {
        let generators = generators.to_vec();
        let (end, ended) = channel::<()>();
        let bar = ProgressBar::no_length().with_style(
            ProgressStyle::with_template("{wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let started = Instant::now();
        let mut before = Seen::default();
        // If no thread can be started, no line is shown.
        let thread = thread::Builder::new().spawn(move || {
            let second = Duration::from_secs(1);
            while ended.recv_timeout(second) == Err(RecvTimeoutError::Timeout) {
                let looks = generators.iter().map(|generator| generator.look());
                let now = looks.reduce(|all, one| all.with(&one)).unwrap_or_default();
                bar.set_message(line(&now, &before, started.elapsed(), expected));
                bar.tick();
                before = now;
            }
            bar.finish_and_clear();
        });
        Self { end: Some(end), thread: thread.ok() }
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn line(now: &Seen, before: &Seen, elapsed: Duration, expected: Duration) -> String {
    let percentile = |quantile| {
        let ns = now.percentile_since(before, quantile);
        ns.map_or_else(|| "-".to_owned(), |ns| time(ns as f64))
    };
    format!(
        "{} of {} s · {}/s answered · R p50 {} p99 {} · lag up to {} · {} timed out",
        elapsed.as_secs(),
        expected.as_secs(),
        now.answered.saturating_sub(before.answered),
        percentile(0.5),
        percentile(0.99),
        time(now.longest_lag_ns as f64),
        now.timed_out
    )
}
