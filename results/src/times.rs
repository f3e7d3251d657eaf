//! The distributions of times that a run is described by.

use serde::{Deserialize, Serialize};

use crate::TimeHistogram;

/// One distribution for each time that is measured of a request. `T` is [`TimeHistogram`] where
/// distributions are kept, and [`crate::Summary`] where they are printed. An optional distribution
/// is `None` if nothing was recorded for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Times<T = TimeHistogram> {
    /// From the intended start to the last byte of the reply: *the* response time.
    pub response_time: T,
    /// The same, of the short requests only, where the load mixes two lengths.
    pub response_time_short: Option<T>,
    /// Bursts: the mean response time of each, where the load comes in bursts.
    pub burst_means: Option<T>,
    /// From the actual send instead: what coordinated omission would have printed.
    pub from_send: T,
    /// Actual send less intended start: the generator's own lateness.
    pub lag: T,
    /// From the start of service to its end, by the server's own stamps.
    pub service_time: T,
    /// From the connect call until the connection is established.
    pub connect_time: Option<T>,
    /// From the actual send to the first byte, of replies whose last byte came later.
    pub first_byte: Option<T>,
    /// From the generator's FIN to the server's, where connections are ended in this way.
    pub close_time: Option<T>,
    /// The response time by the kernel's receive stamps, where they were asked for.
    pub by_kernel: Option<T>,
}

impl<T> Times<T> {
    /// Applies `of` to each distribution.
    #[must_use]
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Times<U> {
        let Self {
            response_time,
            response_time_short,
            burst_means,
            from_send,
            lag,
            service_time,
            connect_time,
            first_byte,
            close_time,
            by_kernel,
        } = self;
        Times {
            response_time: of(response_time),
            response_time_short: response_time_short.as_ref().map(&of),
            burst_means: burst_means.as_ref().map(&of),
            from_send: of(from_send),
            lag: of(lag),
            service_time: of(service_time),
            connect_time: connect_time.as_ref().map(&of),
            first_byte: first_byte.as_ref().map(&of),
            close_time: close_time.as_ref().map(&of),
            by_kernel: by_kernel.as_ref().map(&of),
        }
    }
}

impl Times {
    /// Adds what another generator noted of the same run.
    pub fn add(&mut self, other: &Self) {
        // Taken apart by name, so that a new one cannot be forgotten here.
        let Self {
            response_time,
            response_time_short,
            burst_means,
            from_send,
            lag,
            service_time,
            connect_time,
            first_byte,
            close_time,
            by_kernel,
        } = other;
        self.response_time.add(response_time);
        add_to(&mut self.response_time_short, response_time_short);
        add_to(&mut self.burst_means, burst_means);
        self.from_send.add(from_send);
        self.lag.add(lag);
        self.service_time.add(service_time);
        add_to(&mut self.connect_time, connect_time);
        add_to(&mut self.first_byte, first_byte);
        add_to(&mut self.close_time, close_time);
        add_to(&mut self.by_kernel, by_kernel);
    }
}

/// Adds a distribution that may be missing to another.
pub(crate) fn add_to(mine: &mut Option<TimeHistogram>, its: &Option<TimeHistogram>) {
    if let Some(its) = its {
        mine.get_or_insert_default().add(its);
    }
}
