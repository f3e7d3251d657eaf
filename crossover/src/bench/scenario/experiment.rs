//! One experiment: its subjects, its load, and what is varied.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::expectation::Expectation;
use protocol::Transport;
use protocol::quantity::read_seconds;
use results::{Parameter, Shows, Wins};
use servers::Service;
use workload::{Arrivals, LoadSpec, Rate, Reuse};

use super::axes::{self, Axis};
use super::claim_tables::CheckTable;
use super::file::{ExperimentTable, ScenarioFile};
use super::given::{Problem, maybe};
use super::load::{load, scalar, trouble, utilisation};
use super::settings::{subjects_of, twins};
use crate::setup::{Cores, Server, Setup, Trouble, fits_transport};

/// The time that a request may take beside its processing, for choosing a rate: a sleep overshoots,
/// and a connection and perhaps a process must be created. It is generous, so that bursts do not
/// overlap.
const ALLOWANCE: Duration = Duration::from_micros(300);

/// The fewest points to which an axis is thinned: with fewer, no crossing has two sides.
const FEWEST_POINTS: usize = 4;

/// The longest name of an experiment, in bytes; files are named after it.
const LONGEST_NAME: usize = 64;

/// One experiment.
#[derive(Debug)]
pub struct ExperimentSpec {
    /// Its position in the scenario's file, from 0. Seeds follow from it, so that they stay when others
    /// are left out.
    pub place: u32,
    /// Name, unique in the scenario; the files of its figures are named after it.
    pub name: String,
    /// The question it asks: the title of its figure.
    pub question: String,
    /// What the report draws; nothing if claims say what is read off it.
    pub shows: Vec<Shows>,
    /// Whether a claim reads a percentile off it that needs many requests.
    claims_tails: bool,
    /// Whether a claim reads something off it.
    pub(super) serves_claims: bool,
    /// What decides which subject is the best.
    pub wins: Wins,
    /// The bound of a capacity.
    pub bound: Option<Expectation>,
    /// The subjects that are compared, with the settings of the experiment.
    pub subjects: Vec<Server>,
    /// The positions of the subjects that are run twice, to learn how much identical runs differ.
    pub twins: Vec<usize>,
    /// What is varied; at most two quantities.
    pub axes: Vec<Axis>,
    /// The points of the axes; a single empty one without an axis.
    pub points: Vec<BTreeMap<Parameter, f64>>,
    /// The points as the file has them, of which some may be left out to fit a budget.
    listed: Vec<BTreeMap<Parameter, f64>>,
    load: LoadSpec,
    rate: Option<Rate>,
    utilisation: Option<f64>,
    calibrated_utilisation: Option<f64>,
    /// Whether its rates follow from a service time that is measured.
    is_calibrated: bool,
    /// The service time at each point as the first subject achieved it, in nanoseconds, once it was
    /// measured.
    calibrated: Vec<(BTreeMap<Parameter, f64>, f64)>,
    window: Option<Duration>,
    requests: Option<u32>,
    warmup: Option<Duration>,
    warmup_requests: u32,
    reuse: Reuse,
    cores: Option<Cores>,
    trouble: Trouble,
}

impl ExperimentSpec {
    /// The experiment of a table.
    pub(super) fn of(
        file: &ScenarioFile,
        table: &ExperimentTable,
        place: u32,
        servers: &[Server],
    ) -> Result<Self, Problem> {
        let axes = axes::axes(table)?;
        let reads = |check: &CheckTable| check.experiments().any(|it| *it.get_ref() == table.name);
        let serves_claims = file.checks().any(reads);
        let usual = || if serves_claims { Vec::new() } else { shows(&axes) };
        let subjects = subjects_of(table, servers)?;
        let experiment = Self {
            place,
            name: table.name.clone(),
            question: table.question.clone().unwrap_or_else(|| question(&axes)),
            shows: table.shows.clone().unwrap_or_else(usual),
            claims_tails: file.checks().any(|check| check.prints_tails_of(&table.name)),
            serves_claims,
            wins: table.wins,
            bound: maybe("bound", table.bound.as_ref(), str::parse)?,
            twins: twins(table, &subjects)?,
            subjects,
            points: axes::points(&axes),
            listed: axes::points(&axes),
            axes,
            load: load(table)?,
            rate: scalar("rate", &table.rate, str::parse)?,
            utilisation: scalar("utilisation", &table.utilisation, utilisation)?,
            calibrated_utilisation: scalar(
                "calibrated_utilisation",
                &table.calibrated_utilisation,
                utilisation,
            )?,
            is_calibrated: table.calibrated_utilisation.is_some(),
            calibrated: Vec::new(),
            window: maybe("for", table.window.as_ref(), read_seconds)?,
            requests: table.requests,
            warmup: maybe("warmup", table.warmup.as_ref(), read_seconds)?,
            warmup_requests: table.warmup_requests,
            reuse: maybe("connection", table.connection.as_ref(), str::parse)?
                .unwrap_or(Reuse::Per(1)),
            cores: scalar("cores", &table.cores, str::parse)?,
            trouble: trouble(table)?,
        };
        experiment.check()?;
        Ok(experiment)
    }

    fn check(&self) -> Result<(), String> {
        self.check_words()?;
        self.check_load()?;
        for point in &self.points {
            for subject in 0..self.subjects.len() {
                let setup = self.setup(subject, point, 0)?;
                let transport = setup.server.transport();
                fits_transport(&setup.load, transport)?;
                // Subjects of one transport get the same load.
                let before = &self.subjects[..subject];
                if before.iter().all(|other| other.transport() != transport) {
                    workload::Plan::draw(setup.load.clone()).map_err(|error| error.to_string())?;
                }
                carries_demands(&setup)?;
                can_go_wrong(&setup)?;
            }
        }
        Ok(())
    }

    /// Checks the name and the question, and what is shown.
    fn check_words(&self) -> Result<(), String> {
        let is_file_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if self.name.is_empty()
            || self.name.len() > LONGEST_NAME
            || !self.name.chars().all(is_file_name)
        {
            return Err(format!(
                "a name has letters, digits and hyphens only, {LONGEST_NAME} at most"
            ));
        }
        if self.question.chars().any(char::is_control) {
            return Err("the question holds a control character".to_owned());
        }
        if self.shows.is_empty() && !self.serves_claims {
            return Err(
                "shows is empty; name what the report shows, such as \"crossover\"".to_owned()
            );
        }
        let axis = self.axes.first().map(|(axis, _)| *axis);
        let other_than = |wanted: fn(Parameter) -> bool| axis.filter(|axis| !wanted(*axis));
        if let Some(axis) = other_than(|axis| axis.row().is_processing)
            && self.shows.contains(&Shows::Crossover)
        {
            return Err(format!(
                "a crossover is shown over wait, compute or processing, not over {axis}; \
                 answers.json has the crossovers over any axis"
            ));
        }
        if let Some(axis) = other_than(|axis| axis == Parameter::Rate)
            && self.shows.contains(&Shows::Load)
        {
            return Err(format!("load is shown over rate, not over {axis}"));
        }
        let over_one = [Shows::Crossover, Shows::Load, Shows::Capacity, Shows::ShortAmongLong];
        if let Some(shown) = self.shows.iter().find(|shown| over_one.contains(shown))
            && self.axes.len() > 1
        {
            let name = serde_json::to_value(shown).unwrap_or_default();
            return Err(format!(
                "{name} is shown over one axis; over two there are \"map\" and \"ranking\""
            ));
        }
        if self.shows.contains(&Shows::Map) && self.axes.len() != 2 {
            return Err("a map is shown over two axes".to_owned());
        }
        if self.shows.contains(&Shows::Crossover) && self.shows.contains(&Shows::ShortAmongLong) {
            return Err("crossover and short-among-long are two experiments".to_owned());
        }
        let needs_bound = self.wins == Wins::Capacity || self.shows.contains(&Shows::Capacity);
        match (needs_bound, &self.bound) {
            (true, None) => {
                Err("a capacity needs a bound, such as bound = \"p99 < 20ms\"".to_owned())
            }
            _ if self.wins == Wins::Capacity && axis != Some(Parameter::Rate) => {
                Err("a capacity is found over rate; give a list of rates".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_load(&self) -> Result<(), String> {
        let is_closed = matches!(self.load.arrivals, Arrivals::Closed(_));
        let varies = |one: Parameter| self.axes.iter().any(|(axis, _)| *axis == one);
        if self.load.timeout.is_zero() {
            return Err("the timeout must be longer than 0".to_owned());
        }
        if self.requests == Some(0) {
            return Err("requests must be at least 1".to_owned());
        }
        let rates = [
            self.rate.is_some(),
            self.utilisation.is_some(),
            self.calibrated_utilisation.is_some(),
            varies(Parameter::Rate),
            varies(Parameter::Utilisation),
        ];
        let rates = rates.iter().filter(|is_given| **is_given).count();
        if is_closed && (rates > 0 || varies(Parameter::Burst)) {
            return Err("a closed loop has no rate; omit rate, utilisation and burst".to_owned());
        }
        if !is_closed && rates != 1 {
            return Err("give rate or utilisation, one of them, or closed = true".to_owned());
        }
        if is_closed && self.window.is_none() {
            return Err("a closed loop is measured for a time; give for = \"5s\"".to_owned());
        }
        if self.window.is_some() == self.requests.is_some() {
            return Err("give for or requests, one of them".to_owned());
        }
        if self.subjects.is_empty() {
            return Err("it needs at least one design".to_owned());
        }
        Ok(())
    }

    /// Whether a report prints a percentile, which needs many requests; a mean needs few.
    #[must_use]
    pub fn prints_tails(&self) -> bool {
        let needs_few = |shows: &Shows| matches!(shows, Shows::Crossover | Shows::Cost);
        self.claims_tails || !self.shows.iter().all(needs_few)
    }

    /// The load, the server and the cores of one run.
    ///
    /// # Errors
    /// If a value of the point is not valid, or the rate or the duration is not.
    pub fn setup(
        &self,
        subject: usize,
        point: &BTreeMap<Parameter, f64>,
        seed: u64,
    ) -> Result<Setup, String> {
        let server = self.subjects[subject].clone();
        let load = LoadSpec {
            reuse: match server.transport() {
                Transport::Tcp => self.reuse,
                Transport::Udp => Reuse::Persistent,
            },
            seed,
            ..self.load.clone()
        };
        let mut setup = Setup { load, server, cores: self.cores, trouble: self.trouble };
        for (parameter, value) in point {
            setup.set(*parameter, *value)?;
        }
        let load = &mut setup.load;
        if let Arrivals::Open { law, .. } = load.arrivals {
            let processing = load.wait.mean() + load.compute.mean();
            load.arrivals = Arrivals::open(self.rate_at(point, processing)?, law);
        }
        let rate = load.arrivals.rate();
        let time_for = |requests: u32| match rate {
            None => Ok(Duration::ZERO),
            Some(rate) => {
                Duration::try_from_secs_f64(f64::from(requests) / rate.get()).map_err(|_| {
                    format!("{requests} requests at {rate} take too long; raise the rate")
                })
            }
        };
        load.window = match self.window {
            Some(window) => window,
            None => time_for(self.requests.unwrap_or(1))?,
        };
        load.warmup = match self.warmup {
            Some(warmup) => warmup,
            None => time_for(self.warmup_requests)?,
        };
        Ok(setup)
    }

    /// The position of a point in the file; `None` if it is not there.
    #[must_use]
    pub fn position_of(&self, point: &BTreeMap<Parameter, f64>) -> Option<usize> {
        self.listed.iter().position(|one| one == point)
    }

    /// Whether its rates follow from service times that are still to be measured at this point.
    #[must_use]
    pub fn wants_calibration(&self, point: &BTreeMap<Parameter, f64>) -> bool {
        self.is_calibrated && self.calibrated.iter().all(|(at, _)| at != point)
    }

    /// Sets the service time at a point.
    pub fn calibrate(&mut self, point: &BTreeMap<Parameter, f64>, service_ns: f64) {
        self.calibrated.retain(|(at, _)| at != point);
        self.calibrated.push((point.clone(), service_ns));
    }

    /// The service time at a point that a run at this rate was planned with.
    #[must_use]
    pub fn service_ns_at(&self, point: &BTreeMap<Parameter, f64>, rate_per_s: f64) -> Option<f64> {
        let varied = point.get(&Parameter::Utilisation).copied();
        varied.or(self.calibrated_utilisation).map(|share| share / rate_per_s * 1e9)
    }

    /// Leaves out every second point between the ends of its longest axis; returns whether there
    /// was one to leave out.
    pub fn thin(&mut self) -> bool {
        let longest = self.axes.iter_mut().max_by_key(|(_, values)| values.len());
        let Some((_, values)) = longest.filter(|(_, values)| values.len() > FEWEST_POINTS) else {
            return false;
        };
        let last = values.len() - 1;
        let mut at = 0;
        values.retain(|_| {
            at += 1;
            (at - 1) % 2 == 0 || at - 1 == last
        });
        self.points = axes::points(&self.axes);
        true
    }

    /// Shortens its load by a factor below 1.
    pub fn shorten(&mut self, factor: f64) {
        self.window = self.window.map(|window| window.mul_f64(factor));
        let fewer = |requests: u32| (f64::from(requests) * factor).ceil() as u32;
        self.requests = self.requests.map(fewer);
    }

    /// The calibrated service time at a point; between two points, on the straight line.
    fn calibrated_at(&self, point: &BTreeMap<Parameter, f64>) -> Option<f64> {
        if let Some((_, ns)) = self.calibrated.iter().find(|(at, _)| at == point) {
            return Some(*ns);
        }
        let (axis, x) = point.iter().next()?;
        let others = |at: &BTreeMap<Parameter, f64>| at.iter().skip(1).eq(point.iter().skip(1));
        let on_line = self.calibrated.iter().filter(|(at, _)| others(at));
        let mut line: Vec<(f64, f64)> =
            on_line.filter_map(|(at, ns)| Some((*at.get(axis)?, *ns))).collect();
        line.sort_by(|one, other| one.0.total_cmp(&other.0));
        let beyond = line.iter().position(|(at, _)| at > x)?;
        let (before, beyond) = (line.get(beyond.checked_sub(1)?)?, line[beyond]);
        let share = (x - before.0) / (beyond.0 - before.0);
        Some(before.1 + share * (beyond.1 - before.1))
    }

    /// The rate at a point: the one on the axis, the given one, or the one at which a server of one
    /// worker is busy for the given fraction of the time.
    fn rate_at(
        &self,
        point: &BTreeMap<Parameter, f64>,
        processing_ns: f64,
    ) -> Result<Rate, String> {
        let measured = self.calibrated_at(point).map(|ns| ns / 1e9);
        let service_s = measured.unwrap_or(processing_ns / 1e9 + ALLOWANCE.as_secs_f64());
        let utilisation = point.get(&Parameter::Utilisation).copied();
        let utilisation = utilisation.or(self.utilisation).or(self.calibrated_utilisation);
        let per_second = match (point.get(&Parameter::Rate), self.rate) {
            (Some(rate), _) => *rate,
            (None, Some(rate)) => rate.get(),
            (None, None) => utilisation.unwrap_or(0.0) / service_s,
        };
        Rate::per_second(per_second).ok_or_else(|| "the rate must be above 0".to_owned())
    }
}

/// Refuses processing that does not reach the server, because its requests have no place for it.
fn carries_demands(setup: &Setup) -> Result<(), String> {
    let carries = setup.server.carries()?;
    let load = &setup.load;
    let name = setup.server.subject().name;
    let lost = [
        ("wait", load.wait.largest() > 0.0 && !carries.wait, "{wait_us}"),
        ("compute", load.compute.largest() > 0.0 && !carries.compute, "{compute_us}"),
    ];
    match lost.into_iter().find(|(_, is_lost, _)| *is_lost) {
        Some((key, _, placeholder)) => Err(format!(
            "the requests to '{name}' have no place for {key}; put {placeholder} into its target, or \
             omit {key}"
        )),
        None => Ok(()),
    }
}

/// Refuses trouble that the server of a run cannot have.
fn can_go_wrong(setup: &Setup) -> Result<(), String> {
    let Trouble { network, misbehaving } = setup.trouble;
    let transport = setup.server.transport();
    if !network.is_perfect() && transport != Transport::Udp {
        return Err("drop, duplicate and reorder are for UDP; name UDP designs".to_owned());
    }
    let Some(misbehaving) = misbehaving else { return Ok(()) };
    if transport == Transport::Udp && misbehaving.needs_a_connection() {
        return Err(format!("misbehaving: {misbehaving} needs a connection; name TCP designs"));
    }
    match &setup.server {
        Server::Design(server) if server.service == Service::Work => Ok(()),
        _ => Err("misbehaving is for designs that serve work".to_owned()),
    }
}

/// The question of an experiment that names none.
fn question(axes: &[Axis]) -> String {
    match axes {
        [] => "Which server is the best under this load?".to_owned(),
        [(axis, _)] => format!("Which server is the best as {axis} grows?"),
        [(one, _), (other, _), ..] => format!("Which server is the best over {one} and {other}?"),
    }
}

/// What the report shows of an experiment that does not say so.
fn shows(axes: &[Axis]) -> Vec<Shows> {
    match axes {
        [] => vec![Shows::Ranking, Shows::Percentiles, Shows::Cost],
        [(axis, _)] if axis.row().is_processing => vec![Shows::Crossover, Shows::Ranking],
        [(Parameter::Rate, _)] => vec![Shows::Load, Shows::Ranking],
        [_] => vec![Shows::Ranking],
        _ => vec![Shows::Map, Shows::Ranking],
    }
}
