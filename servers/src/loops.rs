//! Stops datagrams that would go back and forth between servers forever.
//!
//! Any program may write any sender's address on a datagram. If the address is that of another
//! server, this server answers that server, which answers the answer, and so on at full speed until
//! one of them is ended (CERT Advisory CA-1996-01). Three measures keep a server here out of such a
//! loop:
//!
//! * **A mark on every reply.** Replies carry a code point of the field for differentiated services
//!   that is left to local use (RFC 2474, section 6: pool 2, `xxxx11`), set once on the socket. A
//!   datagram with the mark is a server's reply, and is not answered. Clients do not set the mark.
//! * **Recognition of replies.** The replies of the work protocol, of TIME and of DAYTIME are
//!   recognised by their form. A server answers neither its own address nor the ports of services
//!   that answer anything.
//! * **A bound on repetitions.** A network may clear the mark, so a repeated datagram of the same
//!   sender on another machine is answered only so many times a second.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::clock::monotonic_ns;
use crate::service::{Service, daytime, time};

/// The mark: code point 7 in the upper six bits of the field.
pub const MARK: u8 = 7 << 2;

/// The mask of the code point: the lower two bits of the field signal congestion (RFC 3168), and
/// may be changed on the way.
const CODE_POINT: u8 = !0b11;

/// The ports of services that answer anything (echo, daytime, quote of the day, chargen, time).
const ANSWERING_PORTS: [u16; 5] = [7, 13, 17, 19, 37];

/// How many times a second the same datagram of the same remote sender is answered.
const MOST_REPETITIONS: u64 = 10;

/// Rows of each table: enough that of 100,000 different datagrams a second none is refused because
/// of the others. Rows that are never used take no memory.
const ROWS: usize = 1 << 17;

/// Whether a datagram with this field is marked as a reply.
#[must_use]
pub fn is_marked(traffic_class: u8) -> bool {
    traffic_class & CODE_POINT == MARK
}

/// Whether the sender would answer our reply: a service that answers anything, or this server
/// itself.
#[must_use]
pub fn is_an_answerer(sender: SocketAddr, own: Option<SocketAddr>) -> bool {
    let ip = sender.ip().to_canonical();
    let is_own = own.is_some_and(|own| {
        let everywhere = own.ip().is_unspecified() && ip.is_loopback();
        own.port() == sender.port() && (own.ip().to_canonical() == ip || everywhere)
    });
    is_own || ANSWERING_PORTS.contains(&sender.port())
}

/// Whether a datagram has the form of a reply of a service such as this one.
#[must_use]
pub fn looks_like_a_reply(service: Service, datagram: &[u8]) -> bool {
    match service {
        Service::Work => protocol::is_reply(datagram),
        Service::Daytime | Service::Time => time::is_reply(datagram) || daytime::is_reply(datagram),
        Service::Echo | Service::Next | Service::Http => false,
    }
}

/// How many times the same datagram has come from the same remote sender in the current second, at
/// most.
///
/// The counts are in memory that worker processes share. A row counts every datagram whose hash
/// leads to it, and starts again only with the next second, so that datagrams which alternate do
/// not hide one another (a count-min sketch: Cormode and Muthukrishnan 2005). There are two tables,
/// each with its own hash: a datagram is refused wrongly only if it shares its rows with many
/// others in both.
#[repr(C)]
pub struct Repetitions {
    /// Each row has the second in its upper half and the count in its lower half. Two workers that
    /// count at once may count one instead of two, which loosens the bound a little.
    tables: [[AtomicU64; ROWS]; 2],
}

/// The keys of the two hashes. They are random, so that no client knows which datagrams share a
/// row. They are drawn before a server forks, so that all its workers have the same keys.
static KEYS: OnceLock<[RandomState; 2]> = OnceLock::new();

/// The keys, drawn at the first call.
pub(crate) fn draw_keys() -> &'static [RandomState; 2] {
    KEYS.get_or_init(|| [RandomState::new(), RandomState::new()])
}

impl Repetitions {
    /// Counts a datagram of a remote sender; returns whether there have been too many of it.
    pub fn are_too_many(&self, sender: SocketAddr, datagram: &[u8]) -> bool {
        self.count_at(monotonic_ns() / 1_000_000_000, sender, datagram) > MOST_REPETITIONS
    }

    fn count_at(&self, second: u64, sender: SocketAddr, datagram: &[u8]) -> u64 {
        let rows = self.tables.iter().zip(draw_keys());
        let counts = rows.map(|(table, key)| {
            let row = &table[key.hash_one((sender, datagram)) as usize % ROWS];
            let before = row.load(Relaxed);
            let is_present = before >> 32 == second & 0xffff_ffff;
            let count = if is_present { (before & 0xffff_ffff) + 1 } else { 1 };
            row.store((second & 0xffff_ffff) << 32 | count, Relaxed);
            count
        });
        counts.fold(u64::MAX, u64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn nobody_answers_an_answerer() {
        let own = address("127.0.0.1:4000");
        for port in ANSWERING_PORTS {
            assert!(is_an_answerer(address(&format!("127.0.0.1:{port}")), Some(own)));
        }
        assert!(is_an_answerer(own, Some(own)), "its own address");
        assert!(is_an_answerer(own, Some(address("0.0.0.0:4000"))));
        assert!(is_an_answerer(address("[::ffff:127.0.0.1]:4000"), Some(address("[::]:4000"))));
        assert!(!is_an_answerer(address("127.0.0.1:4001"), Some(own)));
        assert!(!is_an_answerer(address("192.0.2.1:4000"), Some(own)), "another machine's");
    }

    #[test]
    fn the_mark_is_seen_whatever_the_network_says_of_congestion() {
        assert!((0..4).all(|congestion| is_marked(MARK | congestion)));
        // What ordinary programs set: nothing, low delay, expedited forwarding, best effort.
        assert!([0x00, 0x10, 0xb8, 0x08, 0x02].into_iter().all(|usual| !is_marked(usual)));
    }

    #[test]
    fn replies_are_known_by_their_look() {
        for (service, reply) in
            [(Service::Daytime, daytime::reply as fn(&mut Vec<u8>)), (Service::Time, time::reply)]
        {
            let mut job = Vec::new();
            reply(&mut job);
            for other in [Service::Daytime, Service::Time] {
                assert!(looks_like_a_reply(other, &job), "{service} to {other}");
            }
            for usual in [&b""[..], b"\n", b"time", b"what time is it?"] {
                assert!(!looks_like_a_reply(service, usual), "{usual:?}");
            }
            assert!(!looks_like_a_reply(Service::Echo, &job), "it may be what a client sends");
        }
    }

    #[test]
    fn the_same_datagram_of_a_stranger_is_answered_so_often_a_second() {
        let tally = Tally::shared().expect("memory for a tally");
        let repetitions = &tally.repetitions;
        let sender = address("192.0.2.1:4000");
        let counts: Vec<u64> = (0..3).map(|_| repetitions.count_at(70_000, sender, b"x")).collect();
        assert_eq!(counts, [1, 2, 3]);
        assert_eq!(repetitions.count_at(70_001, sender, b"x"), 1, "another second");
        // Datagrams that differ, as those of a load do, are each new.
        let different = (0..100_000_u32).filter(|number| {
            repetitions.count_at(70_002, sender, &number.to_be_bytes()) > MOST_REPETITIONS
        });
        assert_eq!(different.count(), 0);
        let same =
            (0..1000).filter(|_| repetitions.count_at(70_003, sender, b"loop") <= MOST_REPETITIONS);
        assert_eq!(same.count() as u64, MOST_REPETITIONS, "the count does not begin anew");
        // Two thousand that alternate: none is hidden by those that share its row.
        let answered = (0..30 * 2000_u32).filter(|turn| {
            let datagram = (turn % 2000).to_be_bytes();
            repetitions.count_at(70_004, sender, &datagram) <= MOST_REPETITIONS
        });
        assert!(answered.count() as u64 <= 2000 * MOST_REPETITIONS);
    }
}
