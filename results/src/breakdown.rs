//! The breakdown of response times: lag, way out, service, way back.

use serde::{Deserialize, Serialize};

/// One class of response times for each doubling, 1 ns to 2⁴⁷ ns (39 hours).
const CLASSES: usize = 48;

/// Sums over requests of about the same response time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Components {
    /// How many requests.
    pub count: u64,
    /// Actual send less intended start.
    pub lag_ns: u64,
    /// From the send to service start: the way out, and queueing in front of the server.
    pub way_out_ns: u64,
    /// From service start to finished.
    pub service_ns: u64,
    /// From finished to received.
    pub way_back_ns: u64,
}

impl Components {
    /// The sum of the response times; lag, way out, service and way back add up to it exactly.
    #[must_use]
    pub fn response_ns(&self) -> u64 {
        self.lag_ns + self.way_out_ns + self.service_ns + self.way_back_ns
    }

    fn add(&mut self, other: &Self) {
        let Self { count, lag_ns, way_out_ns, service_ns, way_back_ns } = other;
        self.count += count;
        self.lag_ns += lag_ns;
        self.way_out_ns += way_out_ns;
        self.service_ns += service_ns;
        self.way_back_ns += way_back_ns;
    }
}

/// The breakdown of all response times, by classes of response time: class i holds those from 2ⁱ ns
/// to below 2ⁱ⁺¹ ns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Breakdown {
    classes: Vec<Components>,
    /// Requests whose instants are not in order: the server has a different clock.
    pub out_of_order: u64,
}

impl Default for Breakdown {
    fn default() -> Self {
        Self { classes: vec![Components::default(); CLASSES], out_of_order: 0 }
    }
}

impl Breakdown {
    /// Adds a request by its five instants: intended, sent, service start, finished, received.
    pub fn note(&mut self, [intended, sent, taken_up, finished, received]: [u64; 5]) {
        if !(intended <= sent && sent <= taken_up && taken_up <= finished && finished <= received) {
            self.out_of_order += 1;
            return;
        }
        let class = (received - intended).max(1).ilog2() as usize;
        let sums = &mut self.classes[class.min(CLASSES - 1)];
        sums.count += 1;
        sums.lag_ns += sent - intended;
        sums.way_out_ns += taken_up - sent;
        sums.service_ns += finished - taken_up;
        sums.way_back_ns += received - finished;
    }

    /// The sums of all requests; `None` if there are none, or the clocks do not agree.
    #[must_use]
    pub fn total(&self) -> Option<Components> {
        let mut total = Components::default();
        self.classes.iter().for_each(|class| total.add(class));
        (total.count > 0 && self.out_of_order * 100 <= total.count).then_some(total)
    }

    /// The sums of the class of a response time.
    #[must_use]
    pub fn around(&self, response_ns: u64) -> Option<Components> {
        let class = self.classes[(response_ns.max(1).ilog2() as usize).min(CLASSES - 1)];
        (class.count > 0 && self.total().is_some()).then_some(class)
    }

    /// Adds what another generator noted.
    pub fn add(&mut self, other: &Self) {
        let Self { classes, out_of_order } = other;
        self.classes.iter_mut().zip(classes).for_each(|(mine, its)| mine.add(its));
        self.out_of_order += out_of_order;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_response_time_exactly(
            steps in proptest::collection::vec(proptest::array::uniform5(0..10_000_000_u64), 1..50),
        ) {
            let mut parts = Breakdown::default();
            let mut response_sum = 0;
            for [start, lag, out, service, back] in steps {
                let sent = start + lag;
                let (taken_up, finished) = (sent + out, sent + out + service);
                parts.note([start, sent, taken_up, finished, finished + back]);
                response_sum += lag + out + service + back;
            }
            prop_assert_eq!(parts.total().map(|total| total.response_ns()), Some(response_sum));
        }
    }

    #[test]
    fn another_clock_gives_no_parts() {
        let mut parts = Breakdown::default();
        parts.note([10, 20, 5, 6, 40]);
        assert_eq!(parts.total(), None);
        parts.note([10, 20, 25, 26, 40]);
        assert_eq!(parts.total(), None, "half of them out of order");
    }
}
