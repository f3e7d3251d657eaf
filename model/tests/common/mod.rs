//! Random numbers and open loops for the tests of the simulator.
#![allow(dead_code, reason = "each test file uses its own part")]

use model::simulate::{Computer, Costs, Job, Machine, Queue, Station, Stays, follow};

/// Numbers above 0 up to 1, as if at random: SplitMix64.
pub struct Chance(pub u64);

impl Chance {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.uniform().ln()
    }
}

/// Workers that exist beforehand, behind one queue.
#[must_use]
pub fn pool(count: u32, stays: Stays) -> Station {
    Station::Workers { count, queue: Queue::Central, stays, handover_ns: 0.0 }
}

/// What an open loop found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub mean: f64,
    /// Half the width of its 99 % interval, from twenty batches.
    pub within: f64,
    pub lost: f64,
    pub throughput: f64,
    /// Mean number in progress, as the arrivals find it.
    pub found_by_arrivals: f64,
    /// The least time that an answer took beyond its computing and waiting.
    pub least_excess: f64,
    pub computed: f64,
}

/// Requests to send: how many, their rate, and what draws computing and waiting.
pub struct Asked<'a> {
    pub count: usize,
    pub rate: f64,
    pub seed: u64,
    pub demand: &'a mut dyn FnMut(&mut Chance) -> (f64, f64),
}

/// Runs Poisson arrivals through a station; the first tenth is not counted.
pub fn open_loop(station: Station, costs: Costs, computer: Computer, asked: Asked<'_>) -> Found {
    let Asked { count, rate, seed, demand } = asked;
    let mut machine = Machine::new(station, costs, computer);
    let (mut arrivals, mut demands) = (Chance(seed), Chance(seed ^ 0xABCD));
    let mut now = 0.0;
    let requests = (0..count).map(|number| {
        now += arrivals.exponential(1.0 / rate);
        let (compute_ns, wait_ns) = demand(&mut demands);
        let client = number as u32;
        (now, Job { id: 0, client, compute_ns, wait_ns, last: true })
    });
    let (mut times, mut lost, mut end) = (Vec::with_capacity(count), 0.0, 0.0_f64);
    let mut least_excess = f64::INFINITY;
    follow(&mut machine, requests, |came, done| match done {
        Some(done) => {
            end = end.max(done.at_ns);
            let took = done.at_ns - came;
            least_excess = least_excess.min(took - done.job.compute_ns - done.job.wait_ns);
            times.push((came, took));
        }
        None => lost += 1.0,
    });
    let throughput = times.len() as f64 / end;
    let found_by_arrivals = found_by_arrivals(&times);
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let counted = &times[times.len() / 10..];
    let batches: Vec<f64> = counted
        .chunks(counted.len().div_ceil(20))
        .map(|batch| batch.iter().map(|(_, time)| time).sum::<f64>() / batch.len() as f64)
        .collect();
    let mean = batches.iter().sum::<f64>() / batches.len() as f64;
    let spread = batches.iter().map(|batch| (batch - mean).powi(2)).sum::<f64>();
    let deviation = (spread / 19.0 / 20.0).sqrt();
    Found {
        mean,
        within: 2.86 * deviation, // Student's t with 19 degrees of freedom, 99 %
        lost: lost / count as f64,
        throughput,
        found_by_arrivals,
        least_excess,
        computed: machine.computed_ns(),
    }
}

/// How many requests an arrival finds in progress, on average: by counting, not by Little's law.
fn found_by_arrivals(times: &[(f64, f64)]) -> f64 {
    let mut arrivals: Vec<f64> = times.iter().map(|(came, _)| *came).collect();
    let mut ends: Vec<f64> = times.iter().map(|(came, took)| came + took).collect();
    arrivals.sort_by(f64::total_cmp);
    ends.sort_by(f64::total_cmp);
    let mut ended = 0;
    let mut sum = 0.0;
    for (number, at) in arrivals.iter().enumerate() {
        while ends.get(ended).is_some_and(|end| end <= at) {
            ended += 1;
        }
        sum += (number - ended) as f64;
    }
    sum / arrivals.len() as f64
}
