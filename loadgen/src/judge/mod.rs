//! Turns the notes of a run into its measurement, which nothing changes afterwards.

mod doubts;
mod statistics;

use doubts::doubts;
use protocol::Transport;
use results::{GeneratorCost, Measurement, Notes, Placement, ServerCost};
use statistics::effective_samples;
use workload::Plan;

/// The conditions of a run that the generator cannot see by itself.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// What carried the requests.
    pub transport: Transport,
    /// The cores, and how the generator waited.
    pub placement: Placement,
    /// Threads of the generator; 0 counts as one.
    pub generators: usize,
    /// The greatest fraction of time that one of the run's cores lost to the hypervisor.
    pub stolen_share: f64,
    /// Datagrams dropped at full receive buffers during the run.
    pub datagrams_dropped: u64,
    /// Connections dropped at full listen queues during the run.
    pub connections_dropped: u64,
    /// The server's closing line, where it was started for the run.
    pub server: Option<ServerCost>,
    /// Steps of the server's computing loop in a microsecond, before the run; 0 where unknown.
    pub steps_per_us: f64,
    /// The usual number of steps on that core, once it is known.
    pub usual_steps_per_us: Option<f64>,
    /// Whether high percentiles are of interest.
    pub tails_matter: bool,
    /// The fraction of the run's time that other programs took of its cores.
    pub others_share: f64,
    /// The greatest such fraction with which the run counts; `None` if every run counts.
    pub disturbance_limit: Option<f64>,
    /// Whether the run was ended because the server was overloaded for certain.
    pub overloaded: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            transport: Transport::Udp,
            placement: Placement::default(),
            generators: 1,
            stolen_share: 0.0,
            datagrams_dropped: 0,
            connections_dropped: 0,
            server: None,
            steps_per_us: 0.0,
            usual_steps_per_us: None,
            tails_matter: true,
            others_share: 0.0,
            disturbance_limit: None,
            overloaded: false,
        }
    }
}

/// Turns the notes of a run into its measurement, warnings included.
#[must_use]
pub fn measurement(plan: &Plan, notes: Notes, conditions: &Conditions) -> Measurement {
    let window_s = measured_window_s(plan, &notes);
    let window_ns = (window_s * 1e9) as u64;
    let is_udp = conditions.transport == Transport::Udp;
    let lost = is_udp.then(|| udp_losses(&notes, conditions.server.as_ref())).flatten();
    let answered = (notes.counts.answered.max(1)) as f64;
    let mut measurement = Measurement {
        plan_hash: plan.hash().to_owned(),
        counts: notes.counts,
        events: notes.events.clone(),
        requests_lost: lost.map(|(requests, _)| requests),
        replies_lost: lost.map(|(_, replies)| replies),
        rate_planned: plan.is_counted().then(|| notes.counts.planned as f64 / window_s),
        rate_achieved: rate_achieved(&notes, window_s),
        times: notes.times.clone(),
        window_ns,
        statuses_by_code: notes.statuses_by_code.clone(),
        parts: notes.parts.total().map(|_| notes.parts.clone()),
        series: Some(notes.series.clone().until(window_ns)),
        effective_samples: effective_samples(&notes.times.response_time, &notes.series),
        waited_mean_ns: notes.waited_ns as f64 / answered,
        computed_mean_ns: notes.computed_ns as f64 / answered,
        doubts: Vec::new(),
        server: conditions.server.clone(),
        generator: GeneratorCost {
            processor_ns: notes.generator_ns,
            wall_ns: notes.wall_ns,
            hiccups: notes.hiccups,
            longest_hiccup_ns: notes.longest_hiccup_ns,
            mean_in_flight: notes.in_flight_area as f64 / (window_s * 1e9),
            stolen_share: conditions.stolen_share,
            steps_per_us: conditions.steps_per_us,
        },
    };
    if !is_udp {
        measurement.events.reordered = 0; // connections have no common order
    }
    measurement.doubts = doubts(plan, &notes, &measurement, conditions);
    measurement
}

/// Length of the measured window in seconds; of a run that was broken off, the part that took
/// place.
fn measured_window_s(plan: &Plan, notes: &Notes) -> f64 {
    let whole = plan.spec.window.as_secs_f64();
    if !notes.broken_off {
        return whole;
    }
    let reached = (notes.wall_ns as f64 / 1e9 - plan.spec.warmup.as_secs_f64()).max(1e-9);
    whole.min(reached)
}

/// Requests sent a second in the window, corrected by how much longer the sends took than planned.
fn rate_achieved(notes: &Notes, window_s: f64) -> f64 {
    let planned = notes.planned_gaps.span_ns() as f64;
    let sent = notes.sent_gaps.span_ns() as f64;
    let stretch = if planned > 0.0 && sent > 0.0 { planned / sent } else { 1.0 };
    notes.counts.sent as f64 / window_s * stretch
}

/// Requests lost on the way out, and replies lost on the way back.
fn udp_losses(notes: &Notes, server: Option<&ServerCost>) -> Option<(u64, u64)> {
    let told = losses_by_replies(notes);
    // A server that this program did not write does not count what it receives.
    let counts = |server: &&ServerCost| server.received > 0 && !notes.broken_off;
    let Some(server) = server.filter(counts) else { return told };
    // The server's final count shows how many were lost on the way out.
    let lost = told.map_or(0, |(requests, replies)| requests + replies);
    let requests_lost = (notes.counts.sent + notes.events.warmup).saturating_sub(server.received);
    Some((requests_lost, lost.saturating_sub(requests_lost)))
}

/// The same from the server's count as the replies report it. Valid only if the server had no other
/// client during the run.
fn losses_by_replies(notes: &Notes) -> Option<(u64, u64)> {
    let (least, most) = notes.server_received?;
    let received = (most - least).saturating_add(1);
    let requests_lost = notes.sent_in_all.saturating_sub(received);
    let replies_lost =
        received.saturating_sub(notes.replies.saturating_sub(notes.events.duplicates));
    Some((requests_lost, replies_lost))
}
