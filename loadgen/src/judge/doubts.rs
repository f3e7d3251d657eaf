//! Finds the warnings about a run, each a value with its remedy.

use results::{
    Counts, Doubt, Measurement, Notes, Percentile, ShownFigure, TimeHistogram, UnansweredCause,
    UnsentCause, needed,
};
use workload::{Law, Plan};

use super::Conditions;
use super::statistics::trend;

/// The percentile that the summary prints, in percent.
const TAIL: f64 = 99.0;

/// A core below this fraction of its usual speed makes a run questionable.
const SLOW: f64 = 0.9;

/// All warnings about a run.
pub(super) fn doubts(
    plan: &Plan,
    notes: &Notes,
    measured: &Measurement,
    conditions: &Conditions,
) -> Vec<Doubt> {
    let spins = conditions.placement.generator_spins;
    let generators = conditions.generators.max(1) as f64;
    let busy_share = notes.generator_ns as f64 / generators / notes.wall_ns.max(1) as f64;
    let hiccups = Doubt::Hiccups { count: notes.hiccups, longest_ns: notes.longest_hiccup_ns };
    // What was dropped on purpose is nobody's fault.
    let dropped_on_purpose = notes.events.injected.map_or(0, |injected| injected.dropped);
    let unanswered = notes.counts.unanswered().saturating_sub(dropped_on_purpose);
    let dropped = (conditions.datagrams_dropped, conditions.connections_dropped);
    let given = |holds: bool, doubt: Doubt| holds.then_some(doubt);
    [
        rate_missed(measured),
        lag_high(notes, measured, conditions.tails_matter),
        arrivals_off(plan, notes),
        given(notes.hiccups > 0, hiccups),
        given(conditions.stolen_share > 0.01, Doubt::Stolen { share: conditions.stolen_share }),
        given(!spins && busy_share > 0.95, Doubt::GeneratorStarved { share: busy_share }),
        not_stationary(plan, notes),
        too_few_samples(measured),
        littles_law(notes, measured),
        given(
            unanswered > 0,
            Doubt::Unanswered {
                count: unanswered,
                most: most_of(&notes.counts),
                status: refused_by(notes),
            },
        ),
        given(
            notes.events.wrong_replies > 0,
            Doubt::WrongReplies { count: notes.events.wrong_replies },
        ),
        ended_early(notes, conditions),
        given(notes.events.nobody_listens, Doubt::NobodyListens),
        unserved(notes),
        given(
            notes.events.connect_retries > 0,
            Doubt::ConnectionRetries { count: notes.events.connect_retries },
        ),
        exhausted(notes),
        given(
            dropped != (0, 0),
            Doubt::QueueOverflow { datagrams: dropped.0, connections: dropped.1 },
        ),
        given(conditions.placement.shared && !is_negligible(notes), Doubt::SharedCores),
        slow(conditions),
        disturbed(notes, conditions),
    ]
    .into_iter()
    .flatten()
    .filter(|doubt| conditions.tails_matter || !doubt.concerns_tail_only())
    .collect()
}

/// What became of most requests without an answer.
fn most_of(counts: &Counts) -> Option<UnansweredCause> {
    let by_kind = [
        (counts.unsent, UnansweredCause::Unsent),
        (counts.refused, UnansweredCause::Refused),
        (counts.reset, UnansweredCause::Reset),
        (counts.wrong, UnansweredCause::Wrong),
        (counts.timed_out, UnansweredCause::TimedOut),
        (counts.in_flight, UnansweredCause::InFlight),
    ];
    by_kind.into_iter().max_by_key(|(count, _)| *count).map(|(_, kind)| kind)
}

/// The status of most HTTP replies that did not count as answers; `None` unless most requests
/// without an answer got such a reply.
fn refused_by(notes: &Notes) -> Option<u16> {
    let refused = notes.statuses_by_code.iter().filter(|(_, its)| !its.right);
    let most = refused.max_by_key(|(_, its)| its.times.count());
    most.filter(|_| most_of(&notes.counts) == Some(UnansweredCause::Refused)).map(|(code, _)| *code)
}

/// The warning that some connections never brought a reply while others did. If none did, the
/// server hung or was too slow for all, and this warning is not given.
fn unserved(notes: &Notes) -> Option<Doubt> {
    let some_are = notes.kept_unanswered > 0 && notes.kept_unanswered < notes.kept;
    // A connection that was given no request owes no reply.
    let many = notes.counts.timed_out + notes.counts.in_flight >= notes.kept_unanswered;
    (some_are && many)
        .then_some(Doubt::UnservedConnections { count: notes.kept_unanswered, of: notes.kept })
}

/// Why the run was ended before its plan was complete.
fn ended_early(notes: &Notes, conditions: &Conditions) -> Option<Doubt> {
    let Counts { in_flight, sent, .. } = notes.counts;
    match notes.broken_off && !notes.events.nobody_listens {
        true if conditions.overloaded => Some(Doubt::Overloaded { in_flight, sent }),
        true => Some(Doubt::BrokenOff),
        false => None,
    }
}

fn exhausted(notes: &Notes) -> Option<Doubt> {
    let mut causes = notes.unsent_causes;
    if notes.broken_off {
        causes[UnsentCause::Time as usize] = 0; // the warning `BrokenOff` covers these
    }
    let unsent = causes.iter().sum();
    let most = UnsentCause::ALL.into_iter().zip(causes).max_by_key(|(_, count)| *count);
    let cause = most.map(|(cause, _)| cause);
    (unsent > 0).then_some(Doubt::Exhausted { unsent, lack: cause })
}

fn rate_missed(measured: &Measurement) -> Option<Doubt> {
    let planned_per_s = measured.rate_planned?;
    let achieved_per_s = measured.rate_achieved;
    ((achieved_per_s / planned_per_s - 1.0).abs() > 0.01)
        .then_some(Doubt::RateMissed { planned_per_s, achieved_per_s })
}

/// A figure of which the generator's lag accounts for more than this is questionable.
const MOST_LAG: f64 = 0.02;

/// The warning that the lag makes a shown figure too long: the one of which it accounts for the
/// greatest share. The lag of a request is in its response time, but not in its time from the send.
fn lag_high(notes: &Notes, measured: &Measurement, tails_matter: bool) -> Option<Doubt> {
    let response = &measured.times.response_time;
    let lag = notes.head_lag.as_ref().unwrap_or(&notes.times.lag);
    let percentile = |times: &TimeHistogram, quantile: f64| {
        times.percentile(quantile).known_ns().map(|ns| ns as f64)
    };
    let mean = share(lag.mean_ns(), response.mean_ns());
    // In a burst, all requests but the first wait until those before them were sent: that is no lag.
    let of_percentile = |quantile: f64| match &notes.head_lag {
        Some(head_lag) => share(percentile(head_lag, 0.5), percentile(response, quantile)),
        None => {
            let shown = percentile(response, quantile)?;
            let late = shown - percentile(&measured.times.from_send, quantile)?;
            share(Some(late), Some(shown))
        }
    };
    let is_tail_shown = tails_matter && too_few_samples(measured).is_none();
    let shares = [
        (ShownFigure::Mean, mean),
        (ShownFigure::P50, of_percentile(0.5)),
        (ShownFigure::P99, if is_tail_shown { of_percentile(0.99) } else { None }),
    ];
    let known = shares.into_iter().filter_map(|(figure, share)| Some((figure, share?)));
    // The mean and the median come first: a warning about the tail alone leaves these valid.
    let high: Vec<(ShownFigure, f64)> = known.filter(|(_, share)| *share > MOST_LAG).collect();
    let body = high.iter().filter(|(figure, _)| *figure != ShownFigure::P99);
    let worst = body.max_by(|one, other| one.1.total_cmp(&other.1)).or(high.first())?;
    Some(Doubt::LagHigh {
        lag_p99_ns: lag.percentile(0.99).known_ns()?,
        response_p50_ns: response.percentile(0.5).known_ns()?,
        figure: Some(worst.0),
        share: worst.1,
    })
}

fn share(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let share = part? / whole?;
    share.is_finite().then_some(share)
}

fn arrivals_off(plan: &Plan, notes: &Notes) -> Option<Doubt> {
    if plan.is_closed() || matches!(plan.spec.arrivals.law(), Some(Law::Burst(_))) {
        return None; // no law of gaps applies
    }
    let planned_cv2 = notes.planned_gaps.cv2()?;
    let sent_cv2 = notes.sent_gaps.cv2()?;
    ((sent_cv2 - planned_cv2).abs() > 0.05 + 0.1 * planned_cv2)
        .then_some(Doubt::ArrivalsOff { planned_cv2, sent_cv2 })
}

/// The warning about a trend, where a steady rate was planned.
fn not_stationary(plan: &Plan, notes: &Notes) -> Option<Doubt> {
    let arrivals = &plan.spec.arrivals;
    let period = arrivals.law().and_then(Law::period);
    // With so many periods in the window the rate counts as steady: each block holds two.
    let swings_often = period.is_some_and(|period| plan.spec.window >= 20 * period);
    if !arrivals.is_steady() && !swings_often {
        return None; // no steady state is expected
    }
    trend(&notes.series).map(|ratio| Doubt::NotStationary { ratio })
}

/// The warning that too few requests support the first percentile that the summary prints (p99).
fn too_few_samples(measured: &Measurement) -> Option<Doubt> {
    let count = measured.effective_samples as u64;
    let needed = needed(TAIL) as u64;
    (count < needed).then_some(Doubt::TooFewSamples { percentile: TAIL, needed, count })
}

/// Checks Little's law, L = X · R, with an allowance for requests that straddle the window's ends.
fn littles_law(notes: &Notes, measured: &Measurement) -> Option<Doubt> {
    if notes.counts.unanswered() > 0 {
        return None; // their time in flight is not known
    }
    let mean_ns = measured.times.from_send.mean_ns()?;
    let window_ns = measured.window_ns as f64;
    let expected = notes.counts.answered as f64 * mean_ns / window_ns;
    let in_flight = measured.generator.mean_in_flight;
    let Percentile::At(longest_ns) = measured.times.from_send.max() else { return None };
    let ends = 2.0 * longest_ns as f64 / window_ns * (1.0 + in_flight);
    ((in_flight - expected).abs() > 0.03 * expected + ends)
        .then_some(Doubt::LittlesLaw { in_flight, expected })
}

/// A generator that uses less of its core than this, and is less late than this fraction of a
/// response, does not disturb a server with which it shares cores.
const NEGLIGIBLE: f64 = 0.02;

/// Whether the generator needs so little that it may share the server's cores.
fn is_negligible(notes: &Notes) -> bool {
    let used = notes.generator_ns as f64 / notes.wall_ns.max(1) as f64;
    let lag = notes.head_lag.as_ref().unwrap_or(&notes.times.lag).percentile(0.5).known_ns();
    let response = notes.times.response_time.percentile(0.5).known_ns();
    let late = lag.zip(response).map(|(lag, response)| lag as f64 / response.max(1) as f64);
    used < NEGLIGIBLE && late.is_some_and(|late| late < NEGLIGIBLE)
}

/// The mark of a run that does not count, because something outside took too much of its cores: the
/// hypervisor, another program, or whatever stopped the generator.
fn disturbed(notes: &Notes, conditions: &Conditions) -> Option<Doubt> {
    let limit = conditions.disturbance_limit?;
    let stood_still = notes.longest_hiccup_ns as f64 / notes.wall_ns.max(1) as f64;
    let share = conditions.others_share.max(conditions.stolen_share).max(stood_still);
    (share > limit).then_some(Doubt::Disturbed { share, limit })
}

/// The warning that the core was slower before this run than it usually is.
fn slow(conditions: &Conditions) -> Option<Doubt> {
    let ratio = conditions.steps_per_us / conditions.usual_steps_per_us?;
    (ratio < SLOW).then_some(Doubt::Slow { ratio })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_has_become_slow_is_doubted_once_its_usual_speed_is_known() {
        let at = |steps_per_us, usual_steps_per_us| {
            slow(&Conditions { steps_per_us, usual_steps_per_us, ..Conditions::default() })
        };
        assert_eq!(at(850.0, Some(1000.0)), Some(Doubt::Slow { ratio: 0.85 }));
        assert_eq!(at(950.0, Some(1000.0)), None);
        assert_eq!(at(850.0, None), None, "too early to tell");
    }
}
