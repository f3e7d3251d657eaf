//! One client's connection as the service sees it: bytes in, jobs out.

use super::{Job, Service, daytime, echo, http, time, work};
use crate::limits::Limits;

/// The input of one connection, divided into jobs.
pub struct Conversation {
    service: Service,
    limits: Limits,
    input: Vec<u8>,
}

/// What a conversation needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes from the client.
    NeedMore,
    /// This job to be performed and its reply sent; then a call of [`Conversation::finished`].
    Job(Job),
}

impl Conversation {
    /// A new conversation. Its memory is bounded by the largest request allowed and one read.
    #[must_use]
    pub fn new(service: Service, limits: &Limits) -> Self {
        Self { service, limits: *limits, input: Vec::new() }
    }

    /// Adds the bytes of one read.
    pub fn received(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// What to do next.
    #[must_use]
    pub fn next_step(&self) -> Step {
        let job = match self.service {
            Service::Work => work::job_of_stream(&self.input, &self.limits),
            Service::Echo => (!self.input.is_empty()).then(|| echo::job(self.input.len())),
            Service::Daytime => Some(daytime::job()),
            Service::Time => Some(time::job()),
            Service::Next => Some(Job::not_understood()), // it is not spoken over connections
            Service::Http => http::job_of_stream(&self.input, &self.limits),
        };
        job.map_or(Step::NeedMore, Step::Job)
    }

    /// Whether a request has started to arrive and is not yet complete.
    #[must_use]
    pub fn is_midway(&self) -> bool {
        !self.input.is_empty()
    }

    /// The bytes of the current job, and any that follow them.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// Discards the bytes of a finished job.
    pub fn finished(&mut self, job: &Job) {
        self.input.drain(..job.asked_in);
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Refusal, Request, Work, encode_request};
    use std::time::Duration;

    use super::*;
    use crate::service::job::Answer;

    fn request(id: u64, wait: Duration, reply_size: u32) -> Vec<u8> {
        let work = Work { wait, compute: Duration::ZERO };
        let mut bytes = Vec::new();
        encode_request(&Request { id, work, request_size: 100, reply_size }, &mut bytes);
        bytes
    }

    fn only_job(conversation: &Conversation) -> Job {
        match conversation.next_step() {
            Step::Job(job) => job,
            Step::NeedMore => panic!("a job was due"),
        }
    }

    #[test]
    fn two_requests_in_one_read_become_two_jobs() {
        let mut conversation = Conversation::new(Service::Work, &Limits::default());
        conversation.received(&request(1, Duration::ZERO, 64));
        conversation.received(&request(2, Duration::ZERO, 64));
        for id in [1, 2] {
            let job = only_job(&conversation);
            assert!(matches!(job.answer, Answer::Done(request) if request.id == id));
            conversation.finished(&job);
        }
        assert_eq!(conversation.next_step(), Step::NeedMore);
    }

    #[test]
    fn a_request_in_single_bytes_is_one_job() {
        let mut conversation = Conversation::new(Service::Work, &Limits::default());
        for byte in request(9, Duration::ZERO, 64) {
            assert_eq!(conversation.next_step(), Step::NeedMore);
            conversation.received(&[byte]);
        }
        assert!(!only_job(&conversation).is_refusal());
    }

    #[test]
    fn what_is_beyond_a_bound_is_refused_and_the_conversation_goes_on() {
        let limits = Limits { wait: Duration::from_secs(1), reply_size: 1000, ..Limits::default() };
        let cases = [
            (request(3, Duration::from_secs(2), 64), Refusal::TooMuchWork),
            (request(3, Duration::ZERO, 1001), Refusal::TooLarge),
        ];
        for (bytes, expected) in cases {
            let mut conversation = Conversation::new(Service::Work, &limits);
            conversation.received(&bytes);
            conversation.received(&request(4, Duration::ZERO, 64));
            let job = only_job(&conversation);
            assert_eq!(job.answer, Answer::Refused { id: 3, why: expected });
            assert!(!job.ends_conversation());
            conversation.finished(&job);
            assert!(!only_job(&conversation).is_refusal(), "the next request is served");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_conversation() {
        let mut conversation = Conversation::new(Service::Work, &Limits::default());
        conversation.received(b"GET / HTTP/1.1\r\n");
        assert!(only_job(&conversation).ends_conversation());
    }

    #[test]
    fn echo_gives_back_what_has_come() {
        let mut conversation = Conversation::new(Service::Echo, &Limits::default());
        assert_eq!(conversation.next_step(), Step::NeedMore);
        conversation.received(b"abc");
        let job = only_job(&conversation);
        assert_eq!(job.reply_size(), 3);
        conversation.finished(&job);
        assert_eq!(conversation.next_step(), Step::NeedMore);
    }
}
