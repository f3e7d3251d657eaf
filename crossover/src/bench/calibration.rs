//! Service times that rates follow from (`calibrated_utilisation`): measured once at each point on the
//! first subject, so that all subjects get the same plan.

use std::time::Duration;

use protocol::quantity::Nanoseconds;
use results::{Measurement, Record};
use workload::{Arrivals, Distribution, LoadSpec, Plan};

use crate::bench::scenario::{ExperimentSpec, Scenario};
use crate::error::Error;
use crate::setup::Setup;
use crate::testbed::Testbed;

/// How long the service time at a point is measured.
const WINDOW: Duration = Duration::from_millis(500);

/// Sets the service times of a scenario: those of runs that were recorded, and otherwise measured
/// ones.
///
/// # Errors
/// If a server does not answer.
pub(super) fn calibrate(
    scenario: &mut Scenario,
    records: &[Record],
    testbed: &mut impl Testbed,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), Error> {
    for experiment in &mut scenario.experiments {
        for point in experiment.points.clone() {
            if !experiment.wants_calibration(&point) || stop() {
                continue;
            }
            let recorded = records
                .iter()
                .find(|record| record.experiment == experiment.name && record.cell.point == point);
            let recorded =
                recorded.and_then(|it| experiment.service_ns_at(&point, it.setup.load.rate_per_s));
            let service_ns = match recorded {
                Some(service_ns) => service_ns,
                None => {
                    let setup = experiment.setup(0, &point, 1).map_err(Error::Usage)?;
                    measure(experiment, &setup, testbed, stop)?
                }
            };
            experiment.calibrate(&point, service_ns);
        }
    }
    Ok(())
}

/// The time that a request occupies the server: one client at a time, without a pause.
fn measure(
    experiment: &ExperimentSpec,
    setup: &Setup,
    testbed: &mut impl Testbed,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<f64, Error> {
    let none: Distribution<Nanoseconds> = Distribution::fixed(0.0);
    let load = LoadSpec {
        arrivals: Arrivals::Closed(none),
        session: None,
        clients: 1,
        depth: 1,
        window: WINDOW,
        warmup: Duration::ZERO,
        ..setup.load.clone()
    };
    let setup = Setup { load, ..setup.clone() };
    let plan = Plan::draw(setup.load.clone())?;
    let measured = testbed.run(&setup, &plan, false, stop);
    let name = setup.server.subject().name;
    let failed = |why: String| {
        let experiment = &experiment.name;
        Error::Server(format!("experiment '{experiment}': {name} cannot be calibrated: {why}"))
    };
    let measured = measured.map_err(|failure| failed(failure.to_string()))?;
    service_ns(&measured).ok_or_else(|| failed("it answered no request".to_owned()))
}

/// The service time by the server's own stamps; of a server without them, the time from the send.
fn service_ns(measured: &Measurement) -> Option<f64> {
    let times = &measured.times;
    times.service_time.mean_ns().or_else(|| times.from_send.mean_ns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::scenario::Source;
    use crate::bench::sweep::runs;
    use crate::testbed::SimulatedTestbed;

    #[test]
    fn rates_follow_from_the_measured_service_time_of_the_first_subject() {
        let text = "[[experiment]]\nname = \"e\"\n\
                    designs = [\"udp-iterative\", \"udp-thread-per-request\"]\n\
                    wait = [\"1ms\", \"4ms\"]\ncalibrated_utilisation = 0.5\nrequests = 20\n";
        let source = Source { name: "test".to_owned(), text: text.to_owned() };
        let mut scenario = source.parse().expect("it is sound");
        let mut testbed = SimulatedTestbed::default();
        calibrate(&mut scenario, &[], &mut testbed, &|| false).expect("it answers");
        let rates: Vec<f64> = runs(&scenario)
            .expect("sound")
            .iter()
            .filter_map(|run| run.setup.load.arrivals.rate().map(workload::Rate::get))
            .collect();
        // The simulated server takes exactly what is asked for.
        let is_right = |rate: &f64| (rate - 500.0).abs() < 1.0 || (rate - 125.0).abs() < 1.0;
        assert!(rates.len() == 24 && rates.iter().all(is_right), "{rates:?}");
    }
}
