//! The measured service: a request carries its processing and the size of the reply it asks for.

use protocol::{Decoded, Malformed, Refusal, Request, decode_request};

use super::job::{Answer, Job, Then};
use crate::limits::Limits;

/// The job at the front of a connection's input; `None` until the request is complete.
pub(super) fn job_of_stream(input: &[u8], limits: &Limits) -> Option<Job> {
    match decode_request(input, limits.request_size) {
        Ok(Decoded::NeedMore { .. }) => None,
        Ok(Decoded::Complete { message, .. }) => Some(job_of_request(message, limits)),
        Err(Malformed::TooLong(_)) => Some(Job::refuse_unreadable(Refusal::TooLarge)),
        Err(_) => Some(Job::refuse_unreadable(Refusal::Malformed)),
    }
}

/// The job of a datagram, which holds exactly one request.
pub(super) fn job_of_datagram(datagram: &[u8], limits: &Limits) -> Job {
    match decode_request(datagram, limits.request_size) {
        Ok(Decoded::Complete { message, length }) if length == datagram.len() => {
            job_of_request(message, limits)
        }
        Err(Malformed::TooLong(_)) => Job::refuse_unreadable(Refusal::TooLarge),
        _ => Job::refuse_unreadable(Refusal::Malformed),
    }
}

fn job_of_request(request: Request, limits: &Limits) -> Job {
    if request.reply_size as usize > limits.reply_size {
        return Job::refuse(&request, Refusal::TooLarge);
    }
    if request.work.wait > limits.wait || request.work.compute > limits.compute {
        return Job::refuse(&request, Refusal::TooMuchWork);
    }
    Job {
        work: request.work,
        answer: Answer::Done(request),
        asked_in: request.request_size as usize,
        then: Then::GoOn,
    }
}
