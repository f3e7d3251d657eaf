//! The requests of a plan, drawn one after the other.

use std::time::Duration;

use protocol::quantity::{Bytes, Nanoseconds};
use protocol::{HEADER_SIZE, MAX_MESSAGE_SIZE, Work};

use crate::arrivals::Due;
use crate::distribution::Distribution;
use crate::load::LoadSpec;
use crate::random::{Stream, Uniform};
use crate::shard::Shard;

/// One request of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// When it is due, in nanoseconds from the start of the run; in a table, the pause before it.
    pub intended_ns: u64,
    /// Which connection or socket carries it.
    pub client: u32,
    /// Bytes of the request.
    pub request_size: u32,
    /// Bytes of the reply.
    pub reply_size: u32,
    /// The processing it asks for.
    pub work: Work,
    /// Whether it is one of the rare ones of a mixed load.
    pub rare: bool,
    /// Whether it came by the law of arrivals. The later ones of a session, and all of a closed
    /// loop, follow a reply.
    pub arrival: bool,
    /// Whether its session ends with it.
    pub last: bool,
}

/// The requests of an open loop, drawn one after the other.
pub struct Requests {
    /// `None` in a closed loop.
    due: Option<Due>,
    demands: Demands,
    clients: u32,
    shard: Shard,
    index: u64,
}

impl Requests {
    pub(crate) fn new(due: Option<Due>, spec: &LoadSpec, shard: Shard) -> Self {
        let clients = shard.part_of(spec.clients).max(1);
        Self { due, demands: Demands::new(spec), clients, shard, index: 0 }
    }
}

impl Iterator for Requests {
    type Item = PlannedRequest;

    fn next(&mut self) -> Option<PlannedRequest> {
        loop {
            let due_ns = self.due.as_mut()?.next()?;
            let (index, of) = (self.index, u64::from(self.shard.of));
            self.index += 1;
            // Every shard draws all requests, so that the plan does not depend on how many shards
            // share it.
            let request = self.demands.next((index / of % u64::from(self.clients)) as u32, due_ns);
            if index % of == u64::from(self.shard.index) {
                return Some(PlannedRequest { arrival: true, ..request });
            }
        }
    }
}

/// What requests ask for, drawn one after the other.
pub(crate) struct Demands {
    wait: (Distribution<Nanoseconds>, Uniform),
    compute: (Distribution<Nanoseconds>, Uniform),
    request_size: (Distribution<Bytes>, Uniform),
    reply_size: (Distribution<Bytes>, Uniform),
}

impl Demands {
    pub(crate) fn new(spec: &LoadSpec) -> Self {
        let stream = |stream| Uniform::new(spec.seed, stream);
        Self {
            wait: (spec.wait, stream(Stream::Wait)),
            compute: (spec.compute, stream(Stream::Compute)),
            request_size: (spec.request_size, stream(Stream::RequestSize)),
            reply_size: (spec.reply_size, stream(Stream::ReplySize)),
        }
    }

    pub(crate) fn next(&mut self, client: u32, intended_ns: u64) -> PlannedRequest {
        let (wait, rare_wait) = draw(&mut self.wait);
        let (compute, rare_compute) = draw(&mut self.compute);
        let size = |(bytes, _): (u64, bool)| {
            bytes.clamp(HEADER_SIZE as u64, MAX_MESSAGE_SIZE as u64) as u32
        };
        PlannedRequest {
            intended_ns,
            client,
            request_size: size(draw(&mut self.request_size)),
            reply_size: size(draw(&mut self.reply_size)),
            work: Work { wait: Duration::from_nanos(wait), compute: Duration::from_nanos(compute) },
            rare: rare_wait || rare_compute,
            arrival: false,
            last: false,
        }
    }
}

/// The next value, rounded, and whether it is the rare one. A fixed distribution needs no random
/// number.
fn draw<U>((distribution, uniform): &mut (Distribution<U>, Uniform)) -> (u64, bool) {
    let number = if distribution.is_fixed() { 1.0 } else { uniform.draw() };
    let drawn = distribution.draw(number);
    (drawn.value.round() as u64, drawn.rare)
}
