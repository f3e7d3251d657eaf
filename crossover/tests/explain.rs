//! The living picture in a real browser: its model is the simulator's, its means are those of theory, and
//! it runs without errors. Skipped, with the reason, where there is no Chromium.

mod common;

use std::fs;
use std::path::Path;

use common::browser::{found, opened};
use common::crossover;
use model::simulate::{Computer, Costs, Job, Machine, Queue, Station, Stays, follow};
use model::{iterative_mean_response, pool_mean_response, shared_mean_response};
use reports::living::{MODEL, StationView, StepCosts};
use serde_json::{Value, json};

const LEAVE: &str =
    "const leave = (what) => { const its = document.createElement('pre'); its.id = 'found';
    its.textContent = JSON.stringify(what); document.body.append(its); };";

const STEPS: StepCosts = StepCosts {
    request: 9e3,
    creation: 40e3,
    start: 12e3,
    resume: 15e3,
    linger: 25e3,
    wakeup: 17e3,
    handover: 3e3,
};

fn costs_of(steps: &StepCosts) -> Costs {
    Costs {
        request_ns: steps.request,
        creation_ns: steps.creation,
        start_ns: steps.start,
        resume_ns: steps.resume,
        linger_ns: steps.linger,
        wakeup_ns: steps.wakeup,
    }
}

fn station_of(view: StationView, handover_ns: f64) -> Station {
    match view {
        StationView::Workers { count, shares } => Station::Workers {
            count,
            queue: Queue::Central,
            stays: if shares { Stays::Computing } else { Stays::Request },
            handover_ns,
        },
        StationView::OnDemand { limit } => Station::OnDemand { limit, stays: Stays::Request },
        StationView::Delayed { limit, patience } => {
            Station::Delayed { patience_ns: patience, limit }
        }
    }
}

/// Requests as numbers: when each comes, and what it asks for.
fn requests(count: u64) -> Vec<(f64, f64, f64)> {
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut at = 0.0;
    let each = |_| {
        at += (random() * 800e3).floor();
        // Some ask for nothing, so that both ways through the steps are tried.
        let (compute, wait) = ((random() * 300e3).floor(), (random() * 3e6).floor());
        (at, compute, if random() < 0.2 { 0.0 } else { wait })
    };
    (0..count).map(each).collect()
}

/// The response times that the simulator gives, in the order of the requests.
fn simulated(station: Station, costs: Costs, cores: u32, asked: &[(f64, f64, f64)]) -> Vec<f64> {
    let mut machine = Machine::new(station, costs, Computer { cores, ..Computer::default() });
    let jobs = asked.iter().zip(0_u32..).map(|((at, compute_ns, wait_ns), client)| {
        (*at, Job { id: 0, client, compute_ns: *compute_ns, wait_ns: *wait_ns, last: true })
    });
    let mut times = vec![f64::NAN; asked.len()];
    follow(&mut machine, jobs, |at_ns, done| {
        let done = done.expect("there is room for all");
        times[done.job.client as usize] = done.at_ns - at_ns;
    });
    times
}

#[test]
fn the_script_and_the_simulator_give_every_request_the_same_response_time() {
    let stations = [
        StationView::Workers { count: 1, shares: false },
        StationView::Workers { count: 1, shares: true },
        StationView::Workers { count: 5, shares: false },
        StationView::OnDemand { limit: 1024 },
        StationView::OnDemand { limit: 3 },
        StationView::Delayed { limit: 1024, patience: 1e6 },
        StationView::Delayed { limit: 3, patience: 5e5 },
    ];
    let asked = requests(400);
    let jobs: Vec<Value> = asked
        .iter()
        .map(|(at, compute, wait)| json!({"at": at, "compute": compute, "wait": wait}))
        .collect();
    let cases: Vec<(StationView, StepCosts, u32)> = stations
        .into_iter()
        .flat_map(|station| {
            [(station, STEPS, 1), (station, STEPS, 3), (station, StepCosts::default(), 1)]
        })
        .collect();
    let html = format!(
        "<!doctype html><body><script>{MODEL}</script><script>{LEAVE}
        const jobs = {}, cases = {};
        leave(cases.map(([station, costs, cores]) => Model.follow(station, costs, cores, jobs.map((job) => ({{...job}})))));
        </script>",
        json!(jobs),
        json!(cases),
    );
    let Some(dom) = opened(&html) else { return };
    let drawn: Vec<Vec<f64>> = serde_json::from_value(found(&dom)).expect("times");
    assert_eq!(drawn.len(), cases.len());
    for ((station, steps, cores), drawn) in cases.into_iter().zip(drawn) {
        let times = simulated(station_of(station, steps.handover), costs_of(&steps), cores, &asked);
        for (number, (ours, its)) in times.iter().zip(&drawn).enumerate() {
            // The browser prints all digits; additions in another order may differ in the last ones.
            let differ = (ours - its).abs();
            assert!(differ < 1e-3, "{station:?} on {cores}, request {number}: {ours} and {its}");
        }
    }
}

fn explained(folder: &Path, costs: &str) -> String {
    let page = folder.join("picture.html");
    let output = crossover()
        .args(["explain", "--costs", costs, "--out"])
        .arg(&page)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), page.display().to_string());
    fs::read_to_string(page).expect("it is there")
}

#[test]
fn means_in_the_picture_are_those_of_theory() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = explained(folder.path(), "zero");
    let (ms, per_s) = (1e6, 1e-9);
    let settings = |rate: f64, wait: f64, compute: f64, variation: f64| {
        json!({"rate": rate, "wait": wait * ms, "compute": compute * ms, "variation": variation,
               "workers": 4, "cores": 1, "transport": "udp"})
    };
    // A server, its settings, and the mean in milliseconds.
    let cases = [
        (
            "iterative",
            settings(100.0, 5.0, 0.0, 1.0),
            iterative_mean_response(100.0 * per_s, 5.0 * ms, 1.0),
        ),
        (
            "iterative",
            settings(60.0, 8.0, 2.0, 2.0),
            iterative_mean_response(60.0 * per_s, 10.0 * ms, 2.0),
        ),
        (
            "pool",
            settings(500.0, 5.0, 0.0, 1.0),
            pool_mean_response(4, 500.0 * per_s, 5.0 * ms, 1.0),
        ),
        (
            "thread",
            settings(300.0, 4.0, 2.0, 2.0),
            shared_mean_response(1, 300.0 * per_s, 2.0 * ms, 4.0 * ms),
        ),
    ];
    let asked: Vec<(&str, &Value)> = cases.iter().map(|(id, set, _)| (*id, set)).collect();
    let script = format!(
        "<script>{LEAVE} leave({}.map(([id, set]) => livingMean(id, set, 200000)));</script>",
        json!(asked)
    );
    let Some(dom) = opened(&(page + &script)) else { return };
    let means: Vec<f64> = serde_json::from_value(found(&dom)).expect("means");
    assert_eq!(means.len(), cases.len());
    for ((id, set, theory), mean) in cases.into_iter().zip(means) {
        let theory = theory.expect("within its validity");
        assert!((mean / theory - 1.0).abs() < 0.1, "{id} {set}: {mean} and {theory}");
    }
}

#[test]
fn the_picture_runs_and_says_what_is_to_be_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let watch = "<script>globalThis.errors = [];
        requestAnimationFrame = (next) => setTimeout(() => next(performance.now()), 5);
        addEventListener('error', (event) => errors.push(event.message));</script>";
    let page = explained(folder.path(), "typical").replacen("<body>", &format!("<body>{watch}"), 1);
    let script = format!(
        "<script>{LEAVE} setTimeout(() => {{
            const words = document.getElementById('living-words').textContent;
            const served = [...document.querySelectorAll('#living tbody tr')].map((row) => row.cells[3].textContent);
            const outside = performance.getEntriesByType('resource').map((it) => it.name);
            leave({{ words, served, errors, outside }});
        }}, 4500)</script>"
    );
    let Some(dom) = opened(&(page + &script)) else { return };
    let seen = found(&dom);
    assert_eq!(seen["errors"], json!([]));
    assert_eq!(seen["outside"], json!([]), "the page asks the network for nothing");
    let words = seen["words"].as_str().expect("a text");
    assert!(words.contains("a thread for each request pays from"), "{words}");
    let served = seen["served"].as_array().expect("a list");
    assert_eq!(served.len(), 6);
}
