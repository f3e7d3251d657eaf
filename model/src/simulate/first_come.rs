//! The fast way: servers that take requests in order and never compete for a core.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::order::Instant;

/// The most servers for which a chain of comparisons is faster than a heap.
const MOST_IN_A_CHAIN: usize = 16;

/// Several servers behind one queue, first come first served: Lindley's recursion for one, Kiefer
/// and Wolfowitz's for more. With up to 16 servers their work is kept relative to the last arrival, so
/// that precision does not decay with the length of a run.
///
/// Source: Lindley 1952; Kiefer & Wolfowitz 1955.
#[derive(Debug)]
pub struct FirstCome {
    last_ns: f64,
    busy: Busy,
}

#[derive(Debug)]
enum Busy {
    /// How long the one server is still busy.
    One(f64),
    /// The same for each of up to 16 servers, least first.
    Chain(Box<[f64]>),
    /// When each of many servers is free.
    Heap(BinaryHeap<Reverse<Instant>>),
}

impl FirstCome {
    /// Idle servers.
    #[must_use]
    pub fn new(servers: u32) -> Self {
        let busy = match servers.max(1) as usize {
            1 => Busy::One(0.0),
            few if few <= MOST_IN_A_CHAIN => Busy::Chain(vec![0.0; few].into()),
            many => {
                Busy::Heap((0..many as u64).map(|number| Reverse(Instant(0.0, number))).collect())
            }
        };
        Self { last_ns: 0.0, busy }
    }

    /// A request arrives, not before the last one, and needs a server for `service_ns`. Returns how
    /// long it waits for one.
    #[inline]
    pub fn wait(&mut self, at_ns: f64, service_ns: f64) -> f64 {
        let passed_ns = at_ns - self.last_ns;
        self.last_ns = at_ns;
        match &mut self.busy {
            Busy::One(busy_ns) => {
                let wait_ns = (*busy_ns - passed_ns).max(0.0);
                *busy_ns = wait_ns + service_ns;
                wait_ns
            }
            Busy::Chain(busy) => chain(busy, passed_ns, service_ns),
            Busy::Heap(free) => {
                let Some(mut first) = free.peek_mut() else { return 0.0 };
                let start_ns = first.0.0.max(at_ns);
                first.0.0 = start_ns + service_ns;
                start_ns - at_ns
            }
        }
    }
}

/// One arrival at a few servers, whose remaining work is sorted, least first. The first server takes
/// the request; its new work moves to its place by exchanges without branches.
#[inline]
fn chain(busy: &mut [f64], passed_ns: f64, service_ns: f64) -> f64 {
    macro_rules! of_length {
        ($($count:literal)*) => {
            match busy.len() {
                $($count => {
                    let busy: &mut [f64; $count] =
                        busy.try_into().expect("it has this length");
                    exchange(busy, passed_ns, service_ns)
                })*
                _ => exchange(busy, passed_ns, service_ns),
            }
        };
    }
    of_length!(2 3 4 8 16)
}

#[inline(always)]
fn exchange(busy: &mut [f64], passed_ns: f64, service_ns: f64) -> f64 {
    let wait_ns = (busy[0] - passed_ns).max(0.0);
    let mut moving = wait_ns + service_ns;
    for at in 1..busy.len() {
        let its = (busy[at] - passed_ns).max(0.0);
        busy[at - 1] = its.min(moving);
        moving = its.max(moving);
    }
    busy[busy.len() - 1] = moving;
    wait_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responses(servers: u32, requests: &[(f64, f64)]) -> Vec<f64> {
        let mut its = FirstCome::new(servers);
        requests.iter().map(|(at, service)| its.wait(*at, *service) + service).collect()
    }

    #[test]
    fn requests_that_come_while_one_is_served_wait_for_it() {
        let requests = [(0.0, 2.0), (1.0, 2.0), (10.0, 1.0)];
        assert_eq!(responses(1, &requests), [2.0, 3.0, 1.0]);
        assert_eq!(responses(2, &requests), [2.0, 2.0, 1.0]);
    }

    #[test]
    fn all_ways_agree() {
        // The same requests before as many servers as each way takes, the busiest first.
        let requests: Vec<(f64, f64)> =
            (0..2000_u32).map(|i| (f64::from(i), f64::from(i * 7919 % 97 + 1))).collect();
        for servers in [1, 2, 3, 5, 8, 16, 17, 64] {
            let mut free = vec![0.0_f64; servers as usize];
            let slow: Vec<f64> = requests
                .iter()
                .map(|(at, service)| {
                    let first = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b]));
                    let first = first.expect("there are servers");
                    free[first] = free[first].max(*at) + service;
                    free[first] - at
                })
                .collect();
            assert_eq!(responses(servers, &requests), slow, "{servers}");
        }
    }
}
