//! The next number: a service that remembers its clients, over datagrams. It exists to show what that
//! leads to: each request of a client is answered with the number of its requests before, so one that
//! is lost or doubled on the way makes all later answers wrong (Comer & Stevens, vol. III, "Stateless
//! vs. Stateful Servers").
//!
//! A request has 16 bytes or more. Its first eight come back; the next eight of the reply are the
//! number.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use protocol::Work;

use super::job::{Answer, Job, Then};

/// Where the number stands in a reply.
const AT: usize = 8;

/// The shortest request: as long as what changes in the reply.
const SHORTEST: usize = 16;

/// The job that answers a datagram of this length; its number is still to be set.
pub(super) fn job(length: usize) -> Job {
    if length < SHORTEST {
        return Job::not_understood();
    }
    Job {
        work: Work::default(),
        answer: Answer::Next { length, number: 0 },
        asked_in: length,
        then: Then::GoOn,
    }
}

/// Appends the reply to `out`.
pub(super) fn reply(request: &[u8], number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&request[..AT]);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&request[SHORTEST..]);
}

/// How many requests each client has made. A process that is forked has a copy of its own.
#[derive(Default)]
pub struct Numbers {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    next: HashMap<SocketAddr, u64>,
    /// In the order in which they came.
    clients: VecDeque<SocketAddr>,
}

impl Numbers {
    /// The number of a client's request, from 0. Of more than `most` clients the one that came first is
    /// forgotten, and begins again.
    pub fn next(&self, client: SocketAddr, most: usize) -> u64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = known.next.get_mut(&client) {
            *next += 1;
            return *next - 1;
        }
        if known.clients.len() >= most
            && let Some(first) = known.clients.pop_front()
        {
            known.next.remove(&first);
        }
        known.clients.push_back(client);
        known.next.insert(client, 1);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_counted_and_the_first_is_forgotten_at_the_bound() {
        let client = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let numbers = Numbers::default();
        let asked = [1, 1, 2, 1, 2].map(|port| numbers.next(client(port), 2));
        assert_eq!(asked, [0, 1, 0, 2, 1]);
        assert_eq!(numbers.next(client(3), 2), 0);
        assert_eq!(numbers.next(client(1), 2), 0, "it was forgotten");
    }

    #[test]
    fn the_reply_names_its_request_and_the_number() {
        let mut out = Vec::new();
        reply(&[7; 20], 5, &mut out);
        assert_eq!(out.len(), 20);
        assert_eq!((&out[..8], &out[8..16]), (&[7; 8][..], &5_u64.to_be_bytes()[..]));
        assert!(job(15).is_refusal());
    }
}
