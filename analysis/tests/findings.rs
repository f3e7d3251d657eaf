//! What synthetic records say: every sentence and every figure, from numbers that are known.

mod common;

use analysis::figure::{Dot, Figure, Mark, Panel, Whose};
use analysis::{Crossover, Findings};
use common::{Answer, Bench, iterative, process, tcp_iterative, thread};
use results::{Doubt, Parameter, Shows};

const US: f64 = 1e3;

/// Bursts of eight: the mean response time of an iterative server is 4.5 services, of one with a
/// worker for each request the service and 4.5 creations.
fn bursts(name: &str, axis: Parameter, cores: usize, overlaps: bool) -> Bench {
    let mut bench = Bench::new(name, &[Shows::Crossover], Some(axis));
    (bench.arrivals, bench.cores) = ("burst:8", cores);
    for x in [1.0, 20.0, 60.0, 200.0, 1000.0].map(|us| us * US) {
        let served = x + 10.0 * US;
        let overlapped = if overlaps { x } else { 4.5 * x };
        let answer = |response: f64| Answer::bursts(response, served);
        bench.cell(&iterative(), x, |_| answer(4.5 * served));
        bench.twins(&iterative(), x, |_| answer(4.5 * served));
        bench.cell(&thread(), x, |_| answer(overlapped + 4.5 * 30.0 * US));
        bench.cell(&process(), x, |_| answer(overlapped + 4.5 * 200.0 * US));
    }
    bench
}

fn text_of(findings: &Findings<'_>) -> String {
    let verdict = &findings.verdict;
    let opening = [Some(&verdict.headline), verdict.second.as_ref(), verdict.terms.as_ref()];
    let mut lines: Vec<String> = opening.into_iter().flatten().cloned().collect();
    lines.extend(verdict.findings.iter().map(|finding| format!("{finding:?}")));
    let noise = &findings.noise;
    lines.push(format!("noise: {:.3e} of {}", noise.largest(), noise.cells.len()));
    lines.extend(findings.figures().iter().map(figure_in_lines));
    lines.join("\n")
}

/// All of a figure, its numbers to four digits: the last ones differ between processors.
fn figure_in_lines(figure: &Figure) -> String {
    let mut lines = vec![format!("\n# {}: {}\n{}", figure.name, figure.question, figure.caption)];
    for panel in &figure.panels {
        let Panel { title, x, y, series, marks, tiles } = panel;
        lines.push(format!("## {title}: {x:?}, {y:?}"));
        for one in series {
            let whose = match &one.whose {
                Whose::Subject(subject) => subject.name.as_str(),
                Whose::Model(_) => "model",
                Whose::Theory => "theory",
            };
            lines.push(format!("{} ({whose}, {})", one.label, one.is_marked));
            lines.extend(one.points.iter().map(|dot| {
                let Dot { x, configured_x, y, low, high, hollow, repetitions } = dot;
                format!(
                    "  {x:.3e} {configured_x:.3e} {y:.3e} {low:.3e} {high:.3e} {hollow} {repetitions}"
                )
            }));
        }
        lines.extend(tiles.iter().map(|tile| format!("tile {tile:?}")));
        for Mark { x, low, high, label, .. } in marks {
            lines.push(format!("mark {label}: {x:.3e} {low:.3e} {high:.3e}"));
        }
    }
    lines.join("\n")
}

#[test]
fn a_crossing_is_where_the_planted_costs_put_it() {
    let bench = bursts("waiting", Parameter::Wait, 1, true);
    let findings = Findings::of(&bench.records);
    let found = &findings.experiments[0].comparisons;
    let at = |other: &str| match &found.iter().find(|it| it.other.name == other) {
        Some(comparison) => comparison.crossover.clone(),
        None => panic!("{other} is not compared"),
    };
    let Crossover::At { value, low, high, winner_beyond } = at("udp-thread-per-request") else {
        panic!("a crossing");
    };
    // 4.5 (x + 10 µs) = x + 135 µs at x = 25.7 µs: 35.7 µs as achieved by the iterative server.
    assert!((value / 35.7e3 - 1.0).abs() < 0.1, "{value}");
    assert!(low <= value && value <= high && winner_beyond == "udp-thread-per-request");
    let Crossover::At { value, .. } = at("udp-process-per-request") else { panic!("a crossing") };
    assert!((value / 254.3e3 - 1.0).abs() < 0.1, "{value}");
    insta::assert_snapshot!("waiting", text_of(&findings));
}

#[test]
fn computing_names_the_cores_that_there_were() {
    for (cores, words) in [(1, "one core"), (3, "3 cores")] {
        let bench = bursts("computing", Parameter::Compute, cores, false);
        let findings = Findings::of(&bench.records);
        let texts: Vec<&str> =
            findings.verdict.findings.iter().map(|finding| finding.text.as_str()).collect();
        let holds = |text: &&str| text.contains("never beats") && text.contains(words);
        assert!(texts.iter().all(holds), "{texts:?}");
        assert!(findings.verdict.second.is_none());
    }
    let unknown = bursts("computing", Parameter::Compute, 0, false);
    assert!(!Findings::of(&unknown.records).verdict.headline.contains("core"));
}

#[test]
fn who_wins_where_is_said_whichever_way_it_lies() {
    let said = |thread_response: [f64; 3], base_response: [f64; 3], repetitions: u32| {
        let mut bench = Bench::new("plain", &[Shows::Crossover], Some(Parameter::Wait));
        bench.repetitions = repetitions;
        for (index, x) in [100.0, 200.0, 400.0].into_iter().map(|us| us * US).enumerate() {
            // Runs differ by up to 4 %; what is closer together than that is within chance.
            let jitter =
                |repetition: u32, base: f64| base * (1.0 + f64::from((repetition * 7) % 5) / 100.0);
            let (base, other) = (base_response[index], thread_response[index]);
            bench.cell(&iterative(), x, |r| Answer::mean(jitter(r, base), x));
            bench.cell(&thread(), x, |r| Answer::mean(jitter(4 - r % 5, other), x));
        }
        let findings = Findings::of(&bench.records);
        let terms = findings.verdict.terms.clone().unwrap_or_default();
        format!("{}\n{terms}", findings.verdict.findings[0].text)
    };
    let (slow, fast, same) = ([9e5; 3], [3e5; 3], [3e5; 3]);
    let said = [
        said(fast, slow, 6),
        said(slow, fast, 6),
        said(same, same, 6),
        said(fast, slow, 5),
        said([3e5, 3e5, 1e5], same, 6),
        said([9e5, 3e5, 3e5], same, 6),
        said([3e5, 9e5, 1e5], [3e5, 3e5, 9e5], 6),
        said([1e5, 9e5, 1e5], same, 6),
        said([1e5, 2e5, 9e5], same, 6),
    ];
    insta::assert_snapshot!("who_wins", said.join("\n\n"));
}

#[test]
fn a_load_has_its_knee_its_theory_and_who_answers_no_request() {
    let mut bench = Bench::new("load", &[Shows::Load, Shows::Percentiles, Shows::Cost], None);
    bench.axis = Some(Parameter::Rate);
    for x in [200.0, 400.0, 800.0, 900.0] {
        let service = 1e6;
        let response = service / (1.0 - x * service / 1e9);
        bench.cell(&iterative(), x, |_| Answer::exponential(response, service).sent(x));
        bench.cell(&thread(), x, |_| Answer::exponential(service, service).sent(x).costing(9e4));
        bench.cell(&process(), x, |_| Answer::none(service).sent(x));
        bench.cell(&tcp_iterative(), x, |_| Answer::exponential(response, service).sent(x));
    }
    insta::assert_snapshot!("load", text_of(&Findings::of(&bench.records)));
}

#[test]
fn one_point_is_described_by_its_distribution_and_its_cost() {
    let shows = [Shows::Percentiles, Shows::Cost];
    let mut bench = Bench::new("plain", &shows, None);
    bench.cell(&iterative(), 0.0, |_| Answer::exponential(2e6, 1e6).costing(2e4));
    bench.cell(&thread(), 0.0, |_| Answer::exponential(1e6, 1e6).costing(5e4));
    bench.cell(&process(), 0.0, |_| Answer::few(3, 1e6).costing(7e4));
    insta::assert_snapshot!("one_point", text_of(&Findings::of(&bench.records)));
}

#[test]
fn short_requests_are_told_apart_from_the_long_ones() {
    let mut bench = Bench::new("short", &[Shows::ShortAmongLong], None);
    bench.cell(&iterative(), 0.0, |_| Answer::mixed(5e6, 1e6));
    bench.cell(&thread(), 0.0, |_| Answer::mixed(1e5, 1e6));
    insta::assert_snapshot!("short", text_of(&Findings::of(&bench.records)));
}

#[test]
fn a_headline_whose_runs_have_warnings_says_so() {
    let slow = Doubt::Slow { ratio: 0.8 };
    let tail = Doubt::TooFewSamples { percentile: 99.0, needed: 299, count: 10 };
    for (doubt, disturbed, is_said) in [(&slow, 3, true), (&slow, 2, false), (&tail, 6, false)] {
        let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
        for x in [100.0 * US, 1000.0 * US] {
            let with = |answer: Answer, repetition: u32| match repetition < disturbed {
                true => answer.doubted(doubt.clone()),
                false => answer,
            };
            bench.cell(&iterative(), x, |r| with(Answer::mean(9.0 * x, x), r));
            bench.cell(&thread(), x, |r| with(Answer::mean(x, x), r));
        }
        let findings = Findings::of(&bench.records);
        let headline = &findings.verdict.headline;
        let count = format!("{} of the 24 runs", disturbed * 4);
        assert_eq!(headline.contains("with care"), is_said, "{headline}");
        assert_eq!(headline.contains(&count), is_said, "{headline}");
        let figures = findings.figures();
        let mut dots = figures[0].panels[0].series.iter().flat_map(|series| &series.points);
        assert!(dots.all(|dot| dot.hollow == is_said));
        assert_eq!(figures[0].caption.contains("core slower than usual (12 runs)"), is_said);
    }
}

#[test]
fn nothing_measured_and_nothing_answered_are_said() {
    assert!(Findings::of(&[]).verdict.headline.starts_with("Nothing was measured"));
    let mut bench = Bench::new("plain", &[Shows::Percentiles], None);
    bench.cell(&iterative(), 0.0, |_| Answer::none(1e6));
    let findings = Findings::of(&bench.records);
    let headline = &findings.verdict.headline;
    assert!(headline.contains("left all of its requests unanswered"), "{headline}");
    let mut bench = Bench::new("plain", &[Shows::Percentiles], Some(Parameter::Wait));
    bench.cell(&iterative(), 5e6, |_| Answer::half(1e6));
    let findings = Findings::of(&bench.records);
    let text = &findings.verdict.findings[0].text;
    assert!(text.contains("left 50.0 % of its requests unanswered at 5.00 ms"), "{text}");
}

#[test]
fn a_ranking_names_the_best_with_a_reason_and_the_worst() {
    let said = |arrivals: &'static str, axis: Option<Parameter>, worst_leaves: u64| {
        let mut bench = Bench::new("rank", &[Shows::Ranking], axis);
        bench.arrivals = arrivals;
        let xs = if axis.is_some() { vec![0.0, 1e6, 5e6] } else { vec![0.0] };
        for x in xs {
            let spread = |r: u32, ns: f64| ns * (1.0 + f64::from((r * 7) % 5) / 1000.0);
            bench.cell(&iterative(), x, |r| Answer::mean(spread(r, 1e5 + 8.0 * x), x));
            bench.cell(&thread(), x, |r| Answer::mean(spread(r, 1.5e5 + x), x));
            let process_ns = 3e5 + 1.3 * x;
            let answer = |r| Answer::mean(spread(r, process_ns), x).leaving(worst_leaves);
            bench.cell(&process(), x, answer);
        }
        Findings::of(&bench.records).verdict.headline
    };
    let said = [
        said("burst:8", Some(Parameter::Wait), 0),
        said("poisson", Some(Parameter::Wait), 50),
        said("poisson", None, 0),
    ];
    insta::assert_snapshot!("ranking", said.join("\n\n"));
}

/// Nothing can wait for a tenth of a timer's least time, so a crossing there is no place.
#[test]
fn a_crossing_below_the_shortest_wait_is_said_to_be_there() {
    let mut bench = Bench::new("short", &[Shows::Crossover], Some(Parameter::Wait));
    for (x, achieved) in [(0.0, 1e3), (2e4, 8e4), (1e6, 1.1e6)] {
        let spread = |r: u32, ns: f64| ns * (1.0 + f64::from((r * 7) % 5) / 1000.0);
        bench.cell(&iterative(), x, |r| Answer::mean(spread(r, 1e5 + 4.0 * achieved), achieved));
        bench.cell(&thread(), x, |r| Answer::mean(spread(r, 1.6e5 + achieved), achieved));
    }
    let text = &Findings::of(&bench.records).verdict.findings[0].text;
    assert!(
        text.contains("whenever requests wait (80.0 µs or more), but not where they do not"),
        "{text}"
    );
}
