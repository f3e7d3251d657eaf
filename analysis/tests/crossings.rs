//! Where two subjects cross, and when that is not known.

mod common;

use analysis::bootstrap::{RESAMPLES, Resampler, median};
use analysis::comparison::{Resampled, Undecided, find, judge};
use analysis::{Crossover, Findings, Standing};
use common::{Answer, Bench, iterative, thread};
use results::{Outcome, Parameter, Shows, TimeHistogram};

/// What these pairs say at `x`, as the median of resampled pairs.
fn pairs(x: f64, pairs: &[f64], floor: f64) -> Resampled {
    let drawn_by = |weights: Vec<u32>| {
        let repeated =
            pairs.iter().zip(weights).flat_map(|(pair, weight)| vec![*pair; weight as usize]);
        median(&repeated.collect::<Vec<f64>>()).expect("as many as there are pairs")
    };
    let mut resampler = Resampler::salted(x.to_bits());
    let drawn = (0..RESAMPLES).map(|_| drawn_by(resampler.draw(pairs.len()))).collect();
    judge(x, median(pairs).expect("pairs"), drawn, pairs.len(), floor).expect("resamples")
}

#[test]
fn a_difference_at_the_edge_of_chance_or_noise_is_not_decided() {
    let standing = |of: [f64; 6], floor: f64| pairs(1.0, &of, floor).difference.standing;
    assert_eq!(standing([0.1; 6], 0.05), Standing::Decided);
    assert_eq!(standing([0.12; 6], 0.12), Standing::Alike, "as large as the noise");
    assert_eq!(standing([0.0, 0.4, 0.0, 0.4, 0.2, 0.2], 0.05), Standing::Open);
    assert_eq!(standing([0.0, -0.4, 0.0, -0.4, -0.2, -0.2], 0.05), Standing::Open);
    assert_eq!(standing([-0.1; 6], 0.05), Standing::Decided);
    assert_eq!(standing([0.05, -0.05, 0.02, -0.02, 0.0, 0.01], 0.06), Standing::Alike);
    assert_eq!(pairs(1.0, &[0.5; 5], 0.0).difference.standing, Standing::Open, "too few");
}

#[test]
fn an_open_point_widens_a_crossing_and_a_disordered_axis_has_none() {
    let points = [
        pairs(1e3, &[0.5; 6], 0.0),
        pairs(2e3, &[-0.01, -0.01, -0.01, 0.9, 0.9, -0.01], 0.0),
        pairs(4e3, &[-0.3; 6], 0.0),
    ];
    let Crossover::At { value, low, high, .. } = find("base", "other", &points, None) else {
        panic!("a crossing");
    };
    assert!(low <= value && value < high && low * 1.2 < high, "{low} {value} {high}");
    // Points that are decided for either side in turn have no single crossing.
    let in_turn = [0.3, -0.3, 0.3, -0.3].map(|value| [value; 6]);
    let xs = [1e3, 2e3, 4e3, 8e3];
    let points: Vec<Resampled> =
        xs.iter().zip(&in_turn).map(|(x, of)| pairs(*x, of, 0.0)).collect();
    let unclear = Crossover::Undecided(Undecided::NoSingleChange);
    assert_eq!(find("base", "other", &points, None), unclear);
}

#[test]
fn a_side_without_a_decided_point_has_no_crossing_however_sure_its_points_agree() {
    // The noise floor is 0.2: what agrees in all runs and is smaller than that is not decided.
    let found = |sign: f64| {
        let values = [(1e3, 0.5), (2e3, 0.5), (4e3, -0.15), (8e3, -0.15), (16e3, -0.15)];
        let points: Vec<Resampled> =
            values.iter().map(|(x, value)| pairs(*x, &[sign * value; 6], 0.2)).collect();
        find("base", "other", &points, None)
    };
    assert_eq!(found(1.0), Crossover::Always("base".to_owned()));
    assert_eq!(found(-1.0), Crossover::Always("other".to_owned()));
}

#[test]
fn uncertain_points_hardly_move_a_crossing_between_certain_ones() {
    let found = |uncertain: f64| {
        let points = [
            pairs(1e3, &[0.15; 6], 0.0),
            pairs(2e3, &[1.0, 1.0, 1.0, uncertain, uncertain, uncertain], 0.0),
            pairs(4e3, &[-1.0, -1.0, -1.0, -uncertain, -uncertain, -uncertain], 0.0),
            pairs(8e3, &[-0.15; 6], 0.0),
        ];
        match find("base", "other", &points, None) {
            Crossover::At { value, .. } => value,
            found => panic!("{found:?}"),
        }
    };
    for uncertain in [1.0, -0.9, -1.2, -3.0] {
        assert!((found(uncertain) / 8f64.sqrt() / 1e3 - 1.0).abs() < 0.05, "{}", found(uncertain));
    }
}

#[test]
fn the_crossing_is_where_the_difference_is_zero() {
    let values = [(1e3, 0.5), (4e3, 0.0), (16e3, -0.5)];
    let points: Vec<Resampled> = values.iter().map(|(x, v)| pairs(*x, &[*v; 6], 0.0)).collect();
    let Crossover::At { value, .. } = find("base", "other", &points, None) else {
        panic!("a crossing");
    };
    assert!((value - 4e3).abs() < 1.0, "{value}");
}

/// What servers overshoot their waits by is not known unless they report it.
#[test]
fn a_crossing_over_configured_waits_is_known_less_well() {
    let ends = |reports: bool| {
        let mut bench = Bench::new("own", &[Shows::Crossover], Some(Parameter::Wait));
        for x in [1e5, 2e5, 4e5, 8e5] {
            let spread = |r: u32, ns: f64| ns * (1.0 + f64::from((r * 7) % 5) / 1000.0);
            bench.cell(&iterative(), x, |r| Answer::mean(spread(r, 4.5 * x), x));
            bench.cell(&thread(), x, |r| Answer::mean(spread(r, 1e6 + x), x));
        }
        for record in &mut bench.records {
            if let (Outcome::Measured(measured), false) = (&mut record.outcome, reports) {
                measured.times.service_time = TimeHistogram::new();
            }
        }
        let findings = Findings::of(&bench.records);
        match findings.experiments[0].comparisons[0].crossover {
            Crossover::At { value, low, high, .. } => (value, high - low),
            ref other => panic!("{other:?}"),
        }
    };
    let (reported, configured) = (ends(true), ends(false));
    assert!((reported.0 / configured.0 - 1.0).abs() < 0.02, "{reported:?} {configured:?}");
    let wider = (configured.1 - reported.1) / configured.0;
    assert!((0.08..0.12).contains(&wider), "{reported:?} {configured:?}");
}
