//! Whether a run is to be believed: each doubt a value with its remedy.

use results::{
    Counts, Doubt, GeneratorCost, Lack, Measurement, Percentile, Placement, Series, Spectrum,
    Unmet, needed,
};
use workload::Law;
use workload::Plan;

use crate::recorder::RunLog;

/// The percentile that the summary prints.
const TAIL: f64 = 99.0;

/// Blocks into which the window is cut to see whether response time stays what it is.
const BLOCKS: usize = 10;

/// Batches of which the means tell how far neighbours are alike.
const BATCHES: usize = 20;

/// What the surroundings of a run were like.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The cores, and how the generator waited.
    pub placement: Placement,
    /// Threads of the generator; 0 counts as one.
    pub generators: usize,
    /// Processor time of all of them.
    pub generator_ns: u64,
    /// Shard of its time that the hypervisor took from the core robbed most, of those that matter.
    pub stolen_share: f64,
    /// Datagrams dropped at full receive buffers during the run.
    pub datagrams_dropped: u64,
    /// Connections dropped at full listen queues during the run.
    pub connections_dropped: u64,
}

/// Turns the notes of a run into its measurement, doubts included.
#[must_use]
pub fn measurement(plan: &Plan, log: RunLog, surroundings: &Surroundings) -> Measurement {
    let window_s = measured_window_s(plan, &log);
    let generator = GeneratorCost {
        processor_ns: surroundings.generator_ns,
        wall_ns: log.wall_ns,
        hiccups: log.hiccups,
        longest_hiccup_ns: log.longest_hiccup_ns,
        mean_in_flight: log.in_flight_area as f64 / (window_s * 1e9),
        stolen_share: surroundings.stolen_share,
        steps_per_us: 0.0,
    };
    let lost = udp_losses(&log);
    let answered = (log.counts.answered.max(1)) as f64;
    let given = |spectrum: &Spectrum| (spectrum.count() > 0).then(|| spectrum.clone());
    let mut measurement = Measurement {
        plan_hash: plan.hash().to_owned(),
        counts: log.counts,
        warmup: log.warmup,
        late: log.late,
        duplicates: log.duplicates,
        requests_lost: lost.map(|(requests, _)| requests),
        replies_lost: lost.map(|(_, replies)| replies),
        rate_planned: plan.is_counted().then(|| log.counts.planned as f64 / window_s),
        rate_achieved: rate_achieved(&log, window_s),
        waited_mean_ns: log.waited_ns as f64 / answered,
        computed_mean_ns: log.computed_ns as f64 / answered,
        doubts: Vec::new(),
        server: None,
        generator,
        response_time: log.response_time.clone(),
        response_time_short: log.response_time_short.clone(),
        burst_means: log.burst_means.clone(),
        from_send: log.from_send.clone(),
        lag: log.lag.clone(),
        service_time: log.service_time.clone(),
        connect_time: given(&log.connect_time),
        first_byte: given(&log.first_byte),
        close_time: given(&log.close_time),
        by_kernel: given(&log.by_kernel),
        reordered: log.reordered,
        wrong_replies: log.wrong_replies,
        answered_in_window: log.answered_in_window,
        window_ns: (window_s * 1e9) as u64,
        connect_retries: log.connect_retries,
        statuses: log.statuses,
        statuses_by_code: log.statuses_by_code.clone(),
        resent: log.resent,
        unreadable: log.unreadable.clone(),
        nobody_listens: log.nobody_listens,
        parts: log.parts.total().map(|_| log.parts.clone()),
        effective_samples: effective_samples(&log.response_time, &log.series),
        series: Some(log.series.clone().until((window_s * 1e9) as u64)),
    };
    measurement.doubts = doubts(plan, &log, &measurement, surroundings);
    measurement
}

/// Length of the measured window; what there was of it where the run was broken off.
fn measured_window_s(plan: &Plan, log: &RunLog) -> f64 {
    let whole = plan.spec.window.as_secs_f64();
    if !log.broken_off {
        return whole;
    }
    let reached = (log.wall_ns as f64 / 1e9 - plan.spec.warmup.as_secs_f64()).max(1e-9);
    whole.min(reached)
}

/// The window's rate, stretched by as much as the sends took longer than they should have.
fn rate_achieved(log: &RunLog, window_s: f64) -> f64 {
    let planned = log.planned_gaps.span_ns() as f64;
    let sent = log.sent_gaps.span_ns() as f64;
    let stretch = if planned > 0.0 && sent > 0.0 { planned / sent } else { 1.0 };
    log.counts.sent as f64 / window_s * stretch
}

/// Datagrams lost on the way out and on the way back, from the server's own count. It must have
/// had no other client meanwhile; over TCP nothing is lost in this sense.
fn udp_losses(log: &RunLog) -> Option<(u64, u64)> {
    let (least, most) = log.server_received?;
    let received = (most - least).saturating_add(1);
    let requests_lost = log.sent_in_all.saturating_sub(received);
    let replies_lost = received.saturating_sub(log.replies.saturating_sub(log.duplicates));
    Some((requests_lost, replies_lost))
}

fn doubts(
    plan: &Plan,
    log: &RunLog,
    measured: &Measurement,
    surroundings: &Surroundings,
) -> Vec<Doubt> {
    let spins = surroundings.placement.generator_spins;
    let generators = surroundings.generators.max(1) as f64;
    let busy_share = surroundings.generator_ns as f64 / generators / log.wall_ns.max(1) as f64;
    let hiccups = Doubt::Hiccups { count: log.hiccups, longest_ns: log.longest_hiccup_ns };
    let unanswered = log.counts.unanswered();
    let dropped = (surroundings.datagrams_dropped, surroundings.connections_dropped);
    let given = |holds: bool, doubt: Doubt| holds.then_some(doubt);
    [
        rate_missed(measured),
        lag_high(log.head_lag.as_ref().unwrap_or(&log.lag), measured),
        arrivals_off(plan, log),
        given(log.hiccups > 0, hiccups),
        given(surroundings.stolen_share > 0.01, Doubt::Stolen { share: surroundings.stolen_share }),
        given(!spins && busy_share > 0.95, Doubt::GeneratorStarved { share: busy_share }),
        not_stationary(plan, log),
        too_few_samples(measured),
        littles_law(plan, log, measured),
        given(
            unanswered > 0,
            Doubt::Unanswered {
                count: unanswered,
                most: most_of(&log.counts),
                status: refused_by(log),
            },
        ),
        given(log.wrong_replies > 0, Doubt::WrongReplies { count: log.wrong_replies }),
        given(log.broken_off && !log.nobody_listens, Doubt::BrokenOff),
        given(log.nobody_listens, Doubt::NobodyListens),
        unserved(log),
        given(log.connect_retries > 0, Doubt::ConnectionRetries { count: log.connect_retries }),
        exhausted(log),
        given(
            dropped != (0, 0),
            Doubt::QueueOverflow { datagrams: dropped.0, connections: dropped.1 },
        ),
        given(surroundings.placement.shared, Doubt::SharedCores),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What became of most requests that have no answer.
fn most_of(counts: &Counts) -> Option<Unmet> {
    let by_kind = [
        (counts.unsent, Unmet::Unsent),
        (counts.refused, Unmet::Refused),
        (counts.reset, Unmet::Reset),
        (counts.wrong, Unmet::Wrong),
        (counts.timed_out, Unmet::TimedOut),
        (counts.in_flight, Unmet::InFlight),
    ];
    by_kind.into_iter().max_by_key(|(count, _)| *count).map(|(_, kind)| kind)
}

/// The status of most replies of HTTP that did not count as answers, where most requests without an
/// answer got such a reply.
fn refused_by(log: &RunLog) -> Option<u16> {
    let refused = log.statuses_by_code.iter().filter(|(_, its)| !its.right);
    let most = refused.max_by_key(|(_, its)| its.times.count());
    most.filter(|_| most_of(&log.counts) == Some(Unmet::Refused)).map(|(code, _)| *code)
}

/// Connections that never brought a reply beside others that did: of a server that hung, or was too
/// slow for all, there are none.
fn unserved(log: &RunLog) -> Option<Doubt> {
    let some_are = log.kept_unanswered > 0 && log.kept_unanswered < log.kept;
    // One that was given no request owes none.
    let many = log.counts.timed_out + log.counts.in_flight >= log.kept_unanswered;
    (some_are && many)
        .then_some(Doubt::UnservedConnections { count: log.kept_unanswered, of: log.kept })
}

fn exhausted(log: &RunLog) -> Option<Doubt> {
    let mut lacks = log.lacks;
    if log.broken_off {
        lacks[Lack::Time as usize] = 0; // that is what the other doubt says
    }
    let unsent = lacks.iter().sum();
    let most = Lack::ALL.into_iter().zip(lacks).max_by_key(|(_, count)| *count);
    let lack = most.map(|(lack, _)| lack);
    (unsent > 0).then_some(Doubt::Exhausted { unsent, lack })
}

fn rate_missed(measured: &Measurement) -> Option<Doubt> {
    let planned_per_s = measured.rate_planned?;
    let achieved_per_s = measured.rate_achieved;
    ((achieved_per_s / planned_per_s - 1.0).abs() > 0.01)
        .then_some(Doubt::RateMissed { planned_per_s, achieved_per_s })
}

fn lag_high(head_lag: &Spectrum, measured: &Measurement) -> Option<Doubt> {
    let lag_p99_ns = head_lag.percentile(0.99).known_ns()?;
    let response_p50_ns = measured.response_time.percentile(0.5).known_ns()?;
    (lag_p99_ns as f64 > 0.1 * response_p50_ns as f64)
        .then_some(Doubt::LagHigh { lag_p99_ns, response_p50_ns })
}

fn arrivals_off(plan: &Plan, log: &RunLog) -> Option<Doubt> {
    if plan.is_closed() || matches!(plan.spec.arrivals.law(), Some(Law::Burst(_))) {
        return None; // no law of gaps to keep
    }
    let planned_cv2 = log.planned_gaps.cv2()?;
    let sent_cv2 = log.sent_gaps.cv2()?;
    ((sent_cv2 - planned_cv2).abs() > 0.05 + 0.1 * planned_cv2)
        .then_some(Doubt::ArrivalsOff { planned_cv2, sent_cv2 })
}

/// A trend over the whole window: the rank correlation of block and mean response time is nearly
/// 1 or −1, which chance alone does in fewer than 3 of 1,000 runs, and the change is not small.
fn not_stationary(plan: &Plan, log: &RunLog) -> Option<Doubt> {
    let arrivals = &plan.spec.arrivals;
    let period = arrivals.law().and_then(Law::period);
    // So many periods in the window are as good as a steady rate: each block holds two.
    let swings_often = period.is_some_and(|period| plan.spec.window >= 20 * period);
    if !arrivals.is_steady() && !swings_often {
        return None; // nobody said that it would be
    }
    let means: Vec<f64> = log.series.means(BLOCKS).into_iter().map(|(_, mean)| mean).collect();
    let (first, last) = (means.first()?, means.last()?);
    if means.len() < BLOCKS - 1 || *first <= 0.0 {
        return None;
    }
    let ratio = last / first;
    let substantial = !(0.67..1.5).contains(&ratio);
    (substantial && rank_correlation(&means).abs() > 0.83).then_some(Doubt::NotStationary { ratio })
}

/// Spearman's rank correlation of values with their positions.
fn rank_correlation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let distance: f64 = values
        .iter()
        .enumerate()
        .map(|(position, value)| {
            let below = values.iter().filter(|other| *other < value).count();
            let difference = below as f64 - position as f64;
            difference * difference
        })
        .sum();
    1.0 - 6.0 * distance / (n * (n * n - 1.0))
}

/// The first of the percentiles that the summary prints (p99) must be supported.
fn too_few_samples(measured: &Measurement) -> Option<Doubt> {
    let count = measured.effective_samples as u64;
    let needed = needed(TAIL) as u64;
    (count < needed).then_some(Doubt::TooFewSamples { percentile: TAIL, needed, count })
}

/// How many independent requests would tell as much as these, by batch means: where neighbours
/// are alike, the means of batches vary more than those of independent requests would. The
/// unanswered count as they are.
fn effective_samples(response_time: &Spectrum, series: &Series) -> f64 {
    let count = (response_time.count() + response_time.unanswered()) as f64;
    let batches = series.means(BATCHES.min(series.steps.len()));
    let (Some(mean), Some(squared_variation)) =
        (response_time.mean_ns(), response_time.squared_variation())
    else {
        return count;
    };
    let variance = squared_variation * mean * mean;
    if batches.len() < BATCHES / 2 || variance <= 0.0 {
        return count;
    }
    // Each batch's mean would vary by variance / size; weighted by size, all have one scale.
    let spread: f64 =
        batches.iter().map(|(size, batch)| *size as f64 * (batch - mean).powi(2)).sum();
    let inflation = spread / (batches.len() - 1) as f64 / variance;
    count / inflation.max(1.0)
}

/// Little's law, L = X · R, with what straddles the ends of the window allowed for.
fn littles_law(plan: &Plan, log: &RunLog, measured: &Measurement) -> Option<Doubt> {
    if log.counts.unanswered() > 0 {
        return None; // their time in flight is not known
    }
    let mean_ns = measured.from_send.mean_ns()?;
    let window_ns = measured_window_s(plan, log) * 1e9;
    let expected = log.counts.answered as f64 * mean_ns / window_ns;
    let in_flight = measured.generator.mean_in_flight;
    let Percentile::At(longest_ns) = measured.from_send.max() else { return None };
    let ends = 2.0 * longest_ns as f64 / window_ns * (1.0 + in_flight);
    ((in_flight - expected).abs() > 0.03 * expected + ends)
        .then_some(Doubt::LittlesLaw { in_flight, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_knows_order() {
        assert!((rank_correlation(&[1.0, 2.0, 5.0, 9.0]) - 1.0).abs() < 1e-12);
        assert!((rank_correlation(&[9.0, 5.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert!(rank_correlation(&[3.0, 9.0, 1.0, 4.0, 2.0, 5.0]).abs() < 0.5);
    }
}
