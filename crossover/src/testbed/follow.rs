//! Follows a plan through a simulated server, and records it as a run is recorded.

use loadgen::judge::{Conditions, measurement};
use loadgen::{Ending, Instants, Recorder};
use model::simulate::{Computer, Costs, FirstCome, Machine, Queue, Station, Stays, follow_plan};
use protocol::{Reply, Transport};
use results::{Measurement, Notes};
use workload::{Plan, PlannedRequest};

/// The notes of a simulated run.
pub(crate) struct SimulatedRun {
    notes: Notes,
    /// Processor time that it used.
    pub(crate) computed_ns: f64,
}

impl SimulatedRun {
    /// From the first instant to the last answer, or to the end of the window.
    pub(crate) fn wall_ns(&self) -> u64 {
        self.notes.wall_ns
    }

    /// The measurement, judged as any other.
    pub(crate) fn measured(self, plan: &Plan, transport: Transport) -> Measurement {
        let conditions = Conditions { transport, ..Conditions::default() };
        measurement(plan, self.notes, &conditions)
    }
}

/// Follows a plan; in the fast way where that gives the same.
pub(crate) fn follow(
    plan: &Plan,
    station: Station,
    costs: Costs,
    computer: Computer,
) -> SimulatedRun {
    let mut recording = Recording {
        recorder: Recorder::new(plan, 0),
        timeout_ns: plan.spec.timeout.as_nanos() as u64,
        window_ns: (plan.window_start_ns(), plan.window_end_ns()),
        last_ns: 0,
        in_flight_area: 0,
    };
    let computed_ns = match in_order(plan, station, costs, computer) {
        Some(queue) => follow_in_order(plan, queue, &mut recording),
        None => {
            let mut machine = Machine::new(station, costs, computer);
            follow_plan(plan, &mut machine, |it| {
                recording.note(&it.planned, it.done.map(|done| (done.taken_up_ns, done.at_ns)));
            });
            machine.computed_ns()
        }
    };
    let mut notes = recording.recorder.finish();
    notes.in_flight_area = recording.in_flight_area;
    notes.wall_ns = recording.last_ns.max(plan.window_end_ns());
    SimulatedRun { notes, computed_ns }
}

/// Servers that take requests in order and never compete for a core.
struct InOrder {
    servers: u32,
    costs: Costs,
    /// Processor time of a request besides its computing.
    extra_ns: f64,
    /// Whether a wait leaves the server free.
    frees: bool,
}

/// The fast way for this load and station, if there is one.
fn in_order(plan: &Plan, station: Station, costs: Costs, computer: Computer) -> Option<InOrder> {
    let Station::Workers { count, queue: Queue::Central, stays, handover_ns } = station else {
        return None;
    };
    let extra_ns = costs.request_ns + handover_ns;
    let computes = plan.spec.compute.mean() + extra_ns > 0.0;
    let competes = (computes || costs.resume_ns > 0.0) && count > computer.cores;
    let is_plain =
        computer.room.is_none() && !computer.in_turn && costs.wakeup_ns == 0.0 && plan.is_counted();
    (is_plain && !competes && stays != Stays::Connection).then_some(InOrder {
        servers: count,
        costs,
        extra_ns,
        frees: stays == Stays::Computing,
    })
}

fn follow_in_order(plan: &Plan, queue: InOrder, recording: &mut Recording) -> f64 {
    let InOrder { servers, costs, extra_ns, frees } = queue;
    let mut first_come = FirstCome::new(servers);
    let mut computed_ns = 0.0;
    for planned in plan.requests() {
        let compute_ns = planned.work.compute.as_nanos() as f64 + extra_ns;
        let asked_ns = planned.work.wait.as_nanos() as f64;
        let resume_ns = if asked_ns > 0.0 { costs.resume_ns } else { 0.0 };
        let wait_ns = asked_ns.max(resume_ns);
        let at_ns = planned.intended_ns as f64;
        let holds_ns = if frees { compute_ns } else { compute_ns + wait_ns + costs.linger_ns };
        let taken_up_ns = at_ns + first_come.wait(at_ns, holds_ns);
        computed_ns += compute_ns + resume_ns;
        recording.note(&planned, Some((taken_up_ns, taken_up_ns + compute_ns + wait_ns)));
    }
    computed_ns
}

/// Records requests as the generator would.
struct Recording {
    recorder: Recorder,
    timeout_ns: u64,
    /// From when to when requests are measured.
    window_ns: (u64, u64),
    last_ns: u64,
    /// Requests in flight, integrated over the window.
    in_flight_area: u128,
}

impl Recording {
    /// Notes a request with the instants at which it was taken up and answered.
    fn note(&mut self, planned: &PlannedRequest, times: Option<(f64, f64)>) {
        let instants =
            Instants { intended_ns: planned.intended_ns, started_ns: planned.intended_ns };
        self.recorder.sent(instants, planned.arrival);
        let (from_ns, until_ns) = self.window_ns;
        let ended_ns = times.map_or(u64::MAX, |(_, at_ns)| at_ns.round() as u64).min(until_ns);
        let in_window_ns = ended_ns.saturating_sub(planned.intended_ns.max(from_ns));
        self.in_flight_area += u128::from(in_window_ns);
        let Some((taken_up_ns, at_ns)) = times else {
            return self.recorder.unanswered(instants, planned.rare, Ending::TimedOut);
        };
        let (taken_up_ns, finished_ns) = (taken_up_ns.round() as u64, at_ns.round() as u64);
        self.last_ns = self.last_ns.max(finished_ns);
        if finished_ns - planned.intended_ns > self.timeout_ns {
            return self.recorder.unanswered(instants, planned.rare, Ending::TimedOut);
        }
        let reply = Reply {
            id: 0,
            refusal: None,
            worker: 0,
            received_so_far: 0,
            taken_up_ns,
            finished_ns,
            computed: planned.work.compute,
            waited: planned.work.wait,
            reply_size: planned.reply_size,
        };
        self.recorder.answered(instants, finished_ns, planned.rare, Some(&reply));
    }
}
