//! What decides a comparison, and what does not: noise, unanswered requests, other plans, few requests.

mod common;

use analysis::comparison::{Undecided, compare};
use analysis::figure::{Panel, Series, Whose};
use analysis::{Crossover, Findings, Metric, Noise};
use common::{Answer, Bench, iterative, process, tcp_iterative, tcp_thread, thread};
use protocol::Transport;
use results::{Parameter, Shows, point};

/// Identical runs that differ by this much, at two points, over UDP and TCP.
fn with_noise() -> Bench {
    let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    for (x, udp, tcp) in [(1e5, 1.10, 1.02), (1e6, 1.30, 1.04), (2e6, 1.20, 1.06)] {
        for (subject, ratio) in [(iterative(), udp), (tcp_iterative(), tcp)] {
            bench.cell(&subject, x, |_| Answer::mean(1e6, x));
            bench.twins(&subject, x, |_| Answer::mean(1e6 * ratio, x));
        }
    }
    bench
}

#[test]
fn the_noise_floor_is_that_of_the_cell_and_its_neighbours_or_else_the_transports_typical_one() {
    let bench = with_noise();
    let noise = Findings::of(&bench.records).noise;
    let close = |left: f64, right: f64| (left - f64::ln(right)).abs() < 1e-3;
    let floor = |experiment: &str, transport: Transport, x: f64| {
        noise.floor(experiment, transport, &point(Some(Parameter::Wait), x))
    };
    assert!(close(floor("waiting", Transport::Udp, 1e5), 1.10), "the smaller of two at an end");
    assert!(close(floor("waiting", Transport::Udp, 1e6), 1.20), "the middle one of three");
    assert!(close(floor("waiting", Transport::Udp, 2e6), 1.20));
    assert!(close(floor("waiting", Transport::Tcp, 1e6), 1.04));
    assert!(close(floor("waiting", Transport::Udp, 5e5), 1.20), "the median over UDP");
    assert!(close(floor("another", Transport::Tcp, 1e5), 1.04), "the median over TCP");
    assert!(close(noise.typical(|_| true), (1.06_f64 * 1.10).sqrt()));
    assert!(close(noise.largest(), 1.30));
    assert!(noise.cells.iter().all(|cell| !cell.are_alike()), "each differs for certain");
    assert_eq!(Noise::default().largest(), 0.0);
    let mut alike = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    alike.cell(&iterative(), 1e5, |r| Answer::mean(1e6 + f64::from(r % 2) * 1e5, 1e5));
    alike.twins(&iterative(), 1e5, |r| Answer::mean(1e6 + f64::from((r + 1) % 2) * 1e5, 1e5));
    assert!(Findings::of(&alike.records).noise.cells[0].are_alike());
    for ratio in [0.9, 1.1] {
        let mut unlike = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
        unlike.cell(&iterative(), 1e5, |_| Answer::mean(1e6, 1e5));
        unlike.twins(&iterative(), 1e5, |_| Answer::mean(1e6 * ratio, 1e5));
        assert!(!Findings::of(&unlike.records).noise.cells[0].are_alike(), "{ratio}");
    }
}

#[test]
fn a_subject_that_leaves_requests_unanswered_loses() {
    for (base, other, wins) in [(false, true, false), (true, false, true)] {
        let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
        let answer = |leaves: bool| match leaves {
            true => Answer::half(1e6),
            false => Answer::mean(9e6, 1e6),
        };
        bench.cell(&iterative(), 1e6, |_| answer(base));
        bench.cell(&thread(), 1e6, |_| answer(other));
        let findings = Findings::of(&bench.records);
        let comparison = &findings.experiments[0].comparisons[0];
        let winner = if wins { "udp-thread-per-request" } else { "udp-iterative" };
        assert_eq!(comparison.crossover, Crossover::Always(winner.to_owned()));
        assert_eq!(comparison.differences[0].log_ratio.value > 0.0, other, "{comparison:?}");
    }
    let mut both = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    both.cell(&iterative(), 1e6, |_| Answer::half(1e6));
    both.cell(&thread(), 1e6, |_| Answer::half(1e6));
    let findings = Findings::of(&both.records);
    assert!(findings.experiments[0].comparisons[0].differences.is_empty());
}

#[test]
fn runs_of_other_plans_are_no_pairs() {
    let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    bench.cell(&iterative(), 1e6, |_| Answer::mean(9e6, 1e6));
    bench.cell(&thread(), 1e6, |_| Answer::mean(1e6, 1e6).of_plan("another"));
    let findings = Findings::of(&bench.records);
    assert!(findings.experiments[0].comparisons[0].differences.is_empty());
}

#[test]
fn the_base_is_the_iterative_server_of_the_transport_or_else_the_first_subject() {
    let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    bench.cell(&tcp_iterative(), 1e6, |_| Answer::mean(9e6, 1e6));
    bench.cell(&thread(), 1e6, |_| Answer::mean(1e6, 1e6));
    bench.cell(&process(), 1e6, |_| Answer::mean(2e6, 1e6));
    let findings = Findings::of(&bench.records);
    let found = &findings.experiments[0];
    let bases: Vec<&str> = found.comparisons.iter().map(|one| one.base.name.as_str()).collect();
    assert_eq!(bases, [thread().name], "the TCP server is no base for UDP");
    // Any two can be compared all the same.
    let any_two = compare(&found.experiment, &process(), &thread(), Metric::Mean, &findings.noise);
    assert_eq!(any_two.crossover, Crossover::Always(thread().name));
    let ratio = any_two.differences[0].log_ratio.value;
    assert!((ratio - 0.5_f64.ln()).abs() < 0.01, "{ratio}");
}

#[test]
fn a_curve_lies_where_its_axis_was_in_truth() {
    for (axis, expected) in
        [(Parameter::Rate, 450.0), (Parameter::Wait, 2e6), (Parameter::Clients, 500.0)]
    {
        let mut bench = Bench::new("load", &[Shows::Load], Some(axis));
        bench.cell(&iterative(), 500.0, |_| Answer::mean(3e6, 2e6).sent(450.0));
        bench.cell(&thread(), 500.0, |_| Answer::mean(3e6, 7e6).sent(450.0));
        let findings = Findings::of(&bench.records);
        for curve in findings.experiments[0].curves(Metric::P50) {
            let x = curve.points[0].x;
            assert!((x / expected - 1.0).abs() < 0.01, "{axis}: {x}");
            assert_eq!(curve.points[0].configured_x, 500.0);
        }
    }
}

#[test]
fn experiments_stand_as_the_scenario_has_them_and_each_has_its_own_runs() {
    let mut first = Bench::new("first", &[Shows::Cost], None);
    let mut second = Bench::new("second", &[Shows::Cost], None);
    first.cell(&iterative(), 0.0, |_| Answer::mean(1e6, 1e6).costing(1e4));
    second.cell(&iterative(), 0.0, |_| Answer::mean(1e6, 1e6).costing(3e4));
    second.records.iter_mut().for_each(|record| record.position = 1);
    let records = [second.records, first.records].concat();
    let findings = Findings::of(&records);
    let names = findings.experiments.iter().map(|found| found.experiment.name);
    assert_eq!(names.collect::<Vec<_>>(), ["first", "second"]);
    assert!(findings.experiments.iter().all(|found| found.experiment.runs.len() == 6));
    let texts: Vec<&str> = findings.verdict.findings.iter().map(|it| it.text.as_str()).collect();
    assert!(texts[1].contains("10.0 µs") && texts[3].contains("30.0 µs"), "{texts:?}");
}

#[test]
fn what_is_said_of_an_axis_as_a_whole_is_said_at_its_middle() {
    for (count, middle) in [(1, "1.00 ms"), (2, "1.00 ms"), (3, "2.00 ms"), (5, "3.00 ms")] {
        let mut bench = Bench::new("plain", &[Shows::Percentiles], Some(Parameter::Wait));
        for x in (1..=count).map(|number| f64::from(number) * 1e6) {
            bench.cell(&iterative(), x, |_| Answer::mean(x, x));
        }
        let findings = Findings::of(&bench.records);
        let text = &findings.verdict.findings[0].text;
        assert!(text.ends_with(&format!("within {middle}, at {middle}.")), "{count}: {text}");
    }
}

#[test]
fn a_percentile_is_said_if_all_repetitions_together_have_the_requests_for_it() {
    for (enough, is_said) in [(2, false), (4, false), (5, true)] {
        let mut bench = Bench::new("plain", &[Shows::Percentiles], None);
        let with = |count: usize| Answer::times(count, 1e6);
        bench.cell(&iterative(), 0.0, |r| with(if r < enough { 50 } else { 49 }));
        let findings = Findings::of(&bench.records);
        let text = &findings.verdict.findings[0].text;
        assert_eq!(text.contains("and 99 % within"), is_said, "{enough}: {text}");
    }
    // Nine tenths of the requests are short: of 320, 288 are too few for p99 and enough for p95.
    // Those without an answer count, too: of 331 and 2 more, 297 and 2 are short.
    for (count, lost, named) in [(320, 0, "95 %"), (340, 0, "99 %"), (331, 2, "99 %")] {
        let mut bench = Bench::new("short", &[Shows::ShortAmongLong], None);
        bench.repetitions = 1;
        bench.cell(&iterative(), 0.0, |_| Answer::mixed_of(count, 5e6).leaving_short(lost));
        bench.cell(&thread(), 0.0, |_| Answer::mixed_of(count, 1e5).leaving_short(lost));
        let findings = Findings::of(&bench.records);
        let text = &findings.verdict.findings[0].text;
        assert!(text.starts_with(named), "{count}: {text}");
    }
}

#[test]
fn old_records_without_an_effective_sample_size_count_their_requests() {
    let ends = |effective: f64| {
        let mut bench = Bench::new("plain", &[Shows::Percentiles], None);
        bench.cell(&iterative(), 0.0, |_| Answer::times(1000, 1e6).effective(effective));
        let figures = Findings::of(&bench.records).figures();
        figures[0].panels[0].series[0].points.last().map_or(0.0, |dot| dot.x)
    };
    assert!(ends(0.0) > 0.99 && ends(1000.0) == ends(0.0));
    assert!(ends(8.0) < 0.95 && ends(50.0) > 0.98);
}

#[test]
fn the_interval_of_few_repetitions_is_their_range() {
    let interval = |repetitions: u32| {
        let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
        bench.repetitions = repetitions;
        bench.cell(&iterative(), 1e6, |r| Answer::mean(f64::from(r + 1) * 1e6, 1e6));
        let findings = Findings::of(&bench.records);
        let point = findings.experiments[0].curves(Metric::Mean)[0].points[0];
        (point.y.low / 1e6, point.y.value / 1e6, point.y.high / 1e6)
    };
    let (low, value, high) = interval(5);
    assert!((low - 1.0).abs() < 0.01 && (value - 3.0).abs() < 0.01 && (high - 5.0).abs() < 0.01);
    let (low, value, high) = interval(20);
    assert!(low > 5.0 && (value - 10.5).abs() < 0.01 && high < 16.0, "{low} {value} {high}");
}

#[test]
fn a_disturbed_run_counts_for_nothing() {
    let disturbed = results::Doubt::Disturbed { share: 0.3, limit: 0.02 };
    let mut bench = Bench::new("waiting", &[Shows::Crossover], Some(Parameter::Wait));
    bench.repetitions = 7;
    bench.cell(&iterative(), 1e6, |_| Answer::mean(9e6, 1e6));
    bench.cell(&thread(), 1e6, |r| match r {
        0 => Answer::mean(900e6, 1e6).doubted(disturbed.clone()),
        _ => Answer::mean(1e6, 1e6),
    });
    let findings = Findings::of(&bench.records);
    let comparison = &findings.experiments[0].comparisons[0];
    assert_eq!(comparison.differences[0].pairs, 6);
    assert_eq!(comparison.crossover, Crossover::Always(thread().name));
    // With one pair fewer nothing is decided, and the reason is the disturbance.
    bench.records.retain(|record| record.repetition != 6);
    let findings = Findings::of(&bench.records);
    let crossover = &findings.experiments[0].comparisons[0].crossover;
    assert_eq!(*crossover, Crossover::Undecided(Undecided::Disturbed));
}

/// Waiting of two lengths, response times over UDP and TCP as given.
fn two_transports(name: &str, udp: [f64; 3], tcp: [f64; 2]) -> Bench {
    let mut bench = Bench::new(name, &[Shows::Crossover], Some(Parameter::Wait));
    for x in [1e5, 1e6] {
        for (subject, factor) in [(iterative(), udp[0]), (thread(), udp[1]), (process(), udp[2])] {
            bench.cell(&subject, x, |_| Answer::mean(factor * x, x));
        }
        for (subject, factor) in [(tcp_iterative(), tcp[0]), (tcp_thread(), tcp[1])] {
            bench.cell(&subject, x, |_| Answer::mean(factor * x, x));
        }
    }
    bench
}

#[test]
fn the_page_opens_with_the_design_that_gains_most_on_each_transport() {
    let opening = |bench: &Bench| {
        let verdict = Findings::of(&bench.records).verdict;
        (verdict.headline, verdict.second)
    };
    let (first, second) = opening(&two_transports("waiting", [9.0, 4.0, 2.0], [9.0, 3.0]));
    assert!(first.contains("a process per request beats the iterative UDP"), "{first}");
    assert!(first.contains("4.5"), "{first}");
    let second = second.expect("TCP gains, too");
    assert!(second.starts_with("Over TCP, a thread per connection beats"), "{second}");
    // The first transport that gains comes first; the other one then adds nothing.
    let (first, second) = opening(&two_transports("waiting", [1.0, 4.0, 2.0], [9.0, 3.0]));
    assert!(first.contains("a thread per connection beats the iterative TCP"), "{first}");
    assert_eq!(second, None);
    // What gains in another experiment is no rival of the first one's.
    let mut records = two_transports("waiting", [9.0, 4.0, 5.0], [1.0, 3.0]).records;
    let mut later = two_transports("zz-later", [9.0, 1.0, 1.0], [1.0, 3.0]).records;
    later.iter_mut().for_each(|record| record.position = 1);
    records.extend(later);
    let findings = Findings::of(&records);
    assert!(findings.verdict.headline.contains("a thread per request"), "2.25 times");
    assert!(findings.verdict.headline.contains("2.25"), "{}", findings.verdict.headline);
    // Without a gain the first finding opens the page.
    let (first, second) = opening(&two_transports("waiting", [1.0, 2.0, 3.0], [1.0, 2.0]));
    assert!(first.contains("a thread per request never beats"), "{first}");
    assert_eq!(second, None);
}

#[test]
fn a_design_that_is_only_ever_slower_gains_nothing() {
    let bench = two_transports("waiting", [9.0, 3.0, 18.0], [1.0, 1.0]);
    let verdict = Findings::of(&bench.records).verdict;
    let gains: Vec<Option<f64>> = verdict.findings.iter().map(|finding| finding.gain).collect();
    assert!(gains[0].is_some_and(|gain| (gain - 3.0).abs() < 0.01), "{gains:?}");
    assert_eq!(gains[1..], [None, None]);
}

#[test]
fn each_transport_has_its_own_panel_with_its_own_subjects() {
    let findings_of = |bench: &Bench| -> Vec<Vec<String>> {
        let figures = Findings::of(&bench.records).figures();
        let subjects = |panel: &Panel| {
            let of = |series: &Series| match &series.whose {
                Whose::Subject(subject) | Whose::Model(subject) => subject.name.clone(),
                Whose::Theory => "theory".to_owned(),
            };
            panel.series.iter().map(of).collect()
        };
        figures[0].panels.iter().map(subjects).collect()
    };
    let panels = findings_of(&two_transports("waiting", [9.0, 3.0, 18.0], [1.0, 1.0]));
    let udp = ["udp-iterative", "udp-process-per-request", "udp-thread-per-request"];
    let tcp = ["tcp-iterative", "tcp-thread-per-connection"];
    assert_eq!(panels.len(), 2);
    for (mut panel, expected) in panels.into_iter().zip([&udp[..], &tcp[..]]) {
        panel.sort();
        assert_eq!(panel, expected);
    }
}

#[test]
fn the_theory_is_that_of_the_transports_own_iterative_server_and_needs_two_points() {
    let loads = |rates: &[f64], is_iterative: bool| {
        let mut bench = Bench::new("load", &[Shows::Load], Some(Parameter::Rate));
        for rate in rates {
            let answer = |service: f64| Answer::exponential(2e6, service).sent(*rate);
            if is_iterative {
                bench.cell(&iterative(), *rate, |_| answer(1e5));
                bench.cell(&tcp_iterative(), *rate, |_| answer(4e5));
            }
            bench.cell(&thread(), *rate, |_| answer(1e5));
        }
        Findings::of(&bench.records).figures().remove(0)
    };
    let is_theory = |series: &&Series| series.whose == Whose::Theory;
    let both = loads(&[200.0, 400.0], true);
    let lowest: Vec<f64> = both
        .panels
        .iter()
        .map(|panel| panel.series.iter().find(is_theory).expect("a theory").points[0].y)
        .collect();
    // M/M/1 at 200/s: 0.1 ms of service leave 1 / (10,000 - 200) s, 0.4 ms leave 1 / (2,500 - 200) s.
    let ratio = lowest[1] / lowest[0];
    assert!((ratio - 9800.0 / 2300.0).abs() < 0.01, "{lowest:?}");
    assert!(both.caption.contains("The theory is that of one server"), "{}", both.caption);
    for without in [loads(&[200.0], true), loads(&[200.0, 400.0], false)] {
        assert_eq!(without.panels.iter().flat_map(|panel| &panel.series).find(is_theory), None);
        assert!(!without.caption.contains("The theory"), "{}", without.caption);
    }
}

#[test]
fn runs_without_a_planned_request_hide_no_other_that_is_unanswered() {
    let mut bench = Bench::new("load", &[Shows::Load], Some(Parameter::Rate));
    let none_or_no_request = |r: u32| match r % 2 {
        0 => Answer::none(1e5).sent(200.0),
        _ => Answer::times(0, 1e5).sent(200.0),
    };
    bench.cell(&thread(), 200.0, none_or_no_request);
    bench.cell(&thread(), 400.0, |_| Answer::times(0, 1e5).sent(400.0));
    let findings = Findings::of(&bench.records).verdict.findings;
    assert!(findings[0].text.contains("unanswered"), "{}", findings[0].text);
}

#[test]
fn runs_without_a_request_leave_nothing_to_say() {
    let mut bench = Bench::new("plain", &[Shows::Percentiles], None);
    bench.cell(&iterative(), 0.0, |_| Answer::times(0, 1e6));
    let headline = Findings::of(&bench.records).verdict.headline;
    assert!(headline.starts_with("6 runs were measured, and nothing can be said"), "{headline}");
}

#[test]
fn more_than_one_in_a_hundred_unanswered_is_said() {
    for (unanswered, is_said) in [(1, false), (2, true), (300, true)] {
        let mut bench = Bench::new("plain", &[Shows::Cost], None);
        bench.cell(&iterative(), 0.0, |_| Answer::times(100, 1e6).leaving(unanswered).costing(1e4));
        let findings = Findings::of(&bench.records);
        let text = &findings.verdict.findings[0].text;
        assert_eq!(text.contains("unanswered"), is_said, "{unanswered}: {text}");
        let caption = &findings.figures()[0].caption;
        let few = caption.contains("UDP iterative answered less than half of the requests");
        assert_eq!(few, unanswered > 100, "{unanswered}: {caption}");
    }
    // It is said of a figure if it is so in most repetitions.
    for (such, is_said) in [(3, false), (4, true)] {
        let mut bench = Bench::new("plain", &[Shows::Cost], None);
        let leaves = |r: u32| if r < such { 300 } else { 0 };
        bench.cell(&iterative(), 0.0, |r| Answer::times(100, 1e6).leaving(leaves(r)).costing(1e4));
        let findings = Findings::of(&bench.records);
        assert_eq!(findings.figures()[0].caption.contains("less than half"), is_said, "{such}");
    }
}
