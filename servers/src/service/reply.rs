//! The reply to a job, in the format of its service.

use protocol::{Reply, encode_reply};

use super::job::{Answer, Job, Stamps};
use super::{daytime, next, time};

impl Job {
    /// Bytes of the reply; over HTTP, of its body.
    #[must_use]
    pub fn reply_size(&self) -> usize {
        match self.answer {
            Answer::Done(request) => (request.reply_size as usize).max(protocol::HEADER_SIZE),
            Answer::Echo { length } | Answer::Next { length, .. } => length,
            Answer::Refused { .. } => protocol::HEADER_SIZE,
            Answer::Daytime => daytime::LONGEST,
            Answer::Time => time::LENGTH,
            Answer::Http(response) => response.body_size(),
        }
    }

    /// Appends the reply to `out`.
    pub fn reply(&self, input: &[u8], stamps: &Stamps, out: &mut Vec<u8>) {
        let (id, refusal, reply_size) = match self.answer {
            Answer::Echo { length } => return out.extend_from_slice(&input[..length]),
            Answer::Next { number, .. } => return next::reply(input, number, out),
            Answer::Daytime => return daytime::reply(out),
            Answer::Time => return time::reply(out),
            Answer::Http(response) => return response.write(&stamps.achieved, out),
            Answer::Done(request) => (request.id, None, request.reply_size),
            Answer::Refused { id, why } => (id, Some(why), 0),
        };
        let reply = Reply {
            id,
            refusal,
            worker: stamps.worker,
            received_so_far: stamps.received_so_far,
            taken_up_ns: stamps.taken_up_ns,
            finished_ns: stamps.finished_ns,
            computed: stamps.achieved.computed,
            waited: stamps.achieved.waited,
            reply_size,
        };
        encode_reply(&reply, out);
    }
}
