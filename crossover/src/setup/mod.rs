//! The setup of a run, a load and a server: how a parameter changes it, and how it is written as
//! flags and in records. Each of these is defined only here.

mod counts;
mod own;
mod server;
mod trouble;

use std::time::Duration;

use protocol::quantity::{Nanoseconds, read_duration, read_size};
use protocol::{MAX_DATAGRAM_SIZE, Transport};
use results::{Parameter, ParameterUnit, Subject};
use servers::{Design, limits};
use workload::{Arrivals, Close, Distribution, Law, LoadSpec, Rate, Session, SessionLength};

pub use counts::{Cores, Workers};
pub use own::{Filling, OwnServer, OwnServerSpec, Readiness};
pub(crate) use own::{without_secrets, without_user};
pub use server::{Called, Server, ServerSetup};
pub use trouble::Trouble;

/// The load and the server of one run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What is sent.
    pub load: LoadSpec,
    /// What serves.
    pub server: Server,
    /// The cores that the server may use; those that the generator does not use if `None`.
    pub cores: Option<Cores>,
    /// What is made to go wrong.
    pub trouble: Trouble,
}

impl Setup {
    /// Sets a parameter to a value in the parameter's base unit.
    ///
    /// # Errors
    /// If the parameter cannot have the value.
    pub fn set(&mut self, parameter: Parameter, value: f64) -> Result<(), String> {
        let load = &mut self.load;
        match parameter {
            Parameter::Wait => load.wait = Distribution::fixed(value),
            Parameter::Compute => load.compute = Distribution::fixed(value),
            Parameter::Processing => {
                let before = load.wait.mean() + load.compute.mean();
                if before <= 0.0 {
                    return Err(NO_PROPORTION.to_owned());
                }
                load.wait = load.wait.scaled(value / before);
                load.compute = load.compute.scaled(value / before);
            }
            Parameter::Variation => vary(load, value)?,
            Parameter::WaitingShare => divide(load, value)?,
            // The rate follows from it and from the processing, which other parameters may set.
            Parameter::Utilisation => {}
            Parameter::Burst => {
                let Arrivals::Open { rate, .. } = load.arrivals else {
                    return Err("a closed loop has no bursts; omit burst or closed".to_owned());
                };
                load.arrivals = Arrivals::open(rate, Law::Burst(count(value, u32::MAX)?));
            }
            Parameter::Session => {
                let length = SessionLength::Fixed(count(value, u32::MAX)?);
                let think = load.session.map_or(Distribution::fixed(0.0), |session| session.think);
                load.session = Some(Session { length, think });
            }
            Parameter::Think => match (&mut load.arrivals, &mut load.session) {
                (Arrivals::Closed(think), _) => *think = Distribution::fixed(value),
                (_, Some(session)) => session.think = Distribution::fixed(value),
                _ => {
                    return Err(
                        "think is the pause after a reply: it needs closed or session".to_owned()
                    );
                }
            },
            Parameter::Rate => {
                let rate = Rate::per_second(value).ok_or("the rate must be above 0")?;
                let Arrivals::Open { law, .. } = load.arrivals else {
                    return Err("a closed loop has no rate; omit rate or closed".to_owned());
                };
                load.arrivals = Arrivals::open(rate, law);
            }
            Parameter::RequestSize => load.request_size = Distribution::fixed(value),
            Parameter::ReplySize => load.reply_size = Distribution::fixed(value),
            Parameter::Clients => load.clients = count(value, u32::from(u16::MAX))?,
            Parameter::Workers => {
                self.server.set_workers(Workers::Count(count(value, limits::MAX_WORKERS)?));
            }
            Parameter::Cores => self.cores = Some(Cores::Count(count(value, 4096)?)),
            Parameter::Patience => {
                self.server.of_ours("patience")?.patience =
                    Some(Duration::from_nanos(value as u64));
            }
            Parameter::Ballast => self.server.of_ours("ballast")?.ballast = Some(value as u64),
        }
        Ok(())
    }

    /// The setup as it is written in records.
    #[must_use]
    pub fn in_words(&self) -> results::Setup {
        let server = self.server.in_words();
        results::Setup {
            load: results::Load {
                network: self.trouble.network_in_words(),
                misbehaving: self.trouble.misbehaving_in_words(),
                ..load_in_words(&self.load, self.server.transport())
            },
            server: results::ServerSetup {
                cores: self.cores.map(|cores| cores.to_string()),
                ..server
            },
        }
    }
}

const NO_PROPORTION: &str = "processing is varied in the proportion that wait and compute give; give \
                             them, such as wait = \"0.8ms\" and compute = \"0.2ms\"";

/// Makes the processing of a load vary around its mean.
///
/// # Errors
/// If the variation is not possible.
pub(crate) fn vary(load: &mut LoadSpec, squared_variation: f64) -> Result<(), String> {
    load.wait = varying(load.wait, squared_variation)?;
    load.compute = varying(load.compute, squared_variation)?;
    Ok(())
}

/// Times of the same mean whose squared coefficient of variation is C². Of two values both change, and
/// the rare one stays as rare. All others become alike for 0, exponential for 1, and otherwise
/// lognormal.
fn varying(
    times: Distribution<Nanoseconds>,
    squared_variation: f64,
) -> Result<Distribution<Nanoseconds>, String> {
    let mean = times.mean();
    if let Distribution::TwoPoint { share, .. } = times {
        let apart = mean * (squared_variation / (share * (1.0 - share))).sqrt();
        let common = mean - share * apart;
        return match common > 0.0 {
            true => Ok(Distribution::TwoPoint { common, rare: common + apart, share }),
            false => Err(format!(
                "a variation of {squared_variation} is not possible with two values of which one has \
                 a share of {share}; it is less than {:.1}",
                (1.0 - share) / share
            )),
        };
    }
    Ok(match squared_variation {
        _ if mean <= 0.0 => Distribution::fixed(mean),
        0.0 => Distribution::fixed(mean),
        1.0 => Distribution::exponential(mean),
        squared_variation => Distribution::Lognormal { mean, squared_variation },
    })
}

/// Divides the processing of a load into waiting and computing.
fn divide(load: &mut LoadSpec, share: f64) -> Result<(), String> {
    let whole = load.wait.mean() + load.compute.mean();
    if whole <= 0.0 {
        return Err(NO_PROPORTION.to_owned());
    }
    if !(0.0..=1.0).contains(&share) {
        return Err(format!("waiting-share is a fraction, 0 to 1, not {share}"));
    }
    let like = if load.wait.mean() > 0.0 { load.wait } else { load.compute };
    load.wait = like.scaled(whole * share / like.mean());
    load.compute = like.scaled(whole * (1.0 - share) / like.mean());
    Ok(())
}

/// A whole number from 1 to `most`.
fn count(value: f64, most: u32) -> Result<u32, String> {
    let is_count = value.fract() == 0.0 && (1.0..=f64::from(most)).contains(&value);
    is_count.then_some(value as u32).ok_or_else(|| format!("{value} is not within 1 to {most}"))
}

/// Reads a value of a parameter, with its unit.
///
/// # Errors
/// If the text is not a value of the parameter.
pub fn read_value(parameter: Parameter, text: &str) -> Result<f64, String> {
    match parameter.row().unit {
        ParameterUnit::Time => read_duration(text).map(|time| time.as_nanos() as f64),
        ParameterUnit::Rate => text.parse().map(Rate::get),
        ParameterUnit::Size => read_size(text).map(|bytes| bytes as f64),
        ParameterUnit::Number => text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite() && *value >= 0.0)
            .ok_or_else(|| format!("'{text}' is not a value of {parameter}; write 0.5")),
        ParameterUnit::Count => text
            .trim()
            .parse::<u32>()
            .map(f64::from)
            .map_err(|_| format!("'{text}' is not a number of {parameter}; write 16")),
    }
}

/// A design with its properties, for records.
#[must_use]
pub fn subject(design: &Design) -> Subject {
    use servers::{Allocation, Concurrency, WorkUnit};
    Subject {
        name: design.name.to_owned(),
        label: design.label(),
        phrase: design.phrase.to_owned(),
        transport: design.transport(),
        concurrency: match design.concurrency {
            Concurrency::Iterative => results::Concurrency::Iterative,
            Concurrency::Concurrent => results::Concurrency::Concurrent,
            Concurrency::Apparent => results::Concurrency::Apparent,
        },
        allocation: match design.allocation {
            Allocation::None => results::Allocation::None,
            Allocation::OnDemand => results::Allocation::OnDemand,
            Allocation::Preallocated => results::Allocation::Preallocated,
            Allocation::Delayed => results::Allocation::Delayed,
        },
        unit: match design.unit {
            WorkUnit::Master => results::WorkUnit::Master,
            WorkUnit::Loop => results::WorkUnit::Loop,
            WorkUnit::Task => results::WorkUnit::Task,
            WorkUnit::Thread => results::WorkUnit::Thread,
            WorkUnit::Process => results::WorkUnit::Process,
        },
    }
}

/// Checks that the sizes of a load can be sent at all.
///
/// # Errors
/// If they cannot, with the largest size that can.
pub fn fits_transport(spec: &LoadSpec, transport: Transport) -> Result<(), String> {
    let most = MAX_DATAGRAM_SIZE as f64;
    let largest = spec.request_size.largest().max(spec.reply_size.largest());
    if transport == Transport::Udp && largest > most {
        return Err(format!("a datagram holds at most {most} B; choose smaller sizes, or TCP"));
    }
    Ok(())
}

pub(crate) fn load_in_words(spec: &LoadSpec, transport: Transport) -> results::Load {
    let think = match spec.arrivals {
        Arrivals::Closed(think) => think.to_string(),
        Arrivals::Open { .. } => String::new(),
    };
    results::Load {
        arrivals: spec.arrivals.to_string(),
        rate_per_s: spec.arrivals.rate().map_or(0.0, Rate::get),
        clients: spec.clients,
        think,
        window_ns: spec.window.as_nanos() as u64,
        warmup_ns: spec.warmup.as_nanos() as u64,
        wait: spec.wait.to_string(),
        compute: spec.compute.to_string(),
        request_size: spec.request_size.to_string(),
        reply_size: spec.reply_size.to_string(),
        connection: match transport {
            Transport::Tcp => spec.reuse.to_string(),
            Transport::Udp => "datagram".to_owned(),
        },
        timeout_ns: spec.timeout.as_nanos() as u64,
        close: match spec.close {
            Close::Reset => "reset".to_owned(),
            Close::Finish => "finish".to_owned(),
        },
        depth: spec.depth,
        max_in_flight: spec.max_in_flight,
        session: spec.session.map_or_else(String::new, |session| {
            format!("{} with pauses of {}", session.length, session.think)
        }),
        ..results::Load::default()
    }
}

#[cfg(test)]
mod tests {
    use results::PARAMETERS;
    use servers::CATALOGUE;

    use super::*;

    #[test]
    fn every_parameter_is_read_and_changes_what_a_record_says_of_the_run() {
        for row in PARAMETERS {
            let text = match row.unit {
                ParameterUnit::Time => "3ms",
                ParameterUnit::Rate => "77/s",
                ParameterUnit::Size => "2KiB",
                ParameterUnit::Count => "7",
                ParameterUnit::Number if row.parameter == Parameter::WaitingShare => "0.5",
                ParameterUnit::Number => "4",
            };
            let value = read_value(row.parameter, text).expect("with its unit");
            let server = Server::Design(ServerSetup::usual(&CATALOGUE[0]));
            let mut load = LoadSpec { wait: Distribution::fixed(1e6), ..LoadSpec::default() };
            if row.parameter == Parameter::Think {
                load.arrivals = Arrivals::Closed(Distribution::fixed(0.0));
            }
            let mut setup = Setup { load, server, cores: None, trouble: Trouble::default() };
            let before = setup.in_words();
            setup.set(row.parameter, value).expect("it can have it");
            // The rate follows from a utilisation when the processing is known.
            let changes = row.parameter != Parameter::Utilisation;
            assert_eq!(setup.in_words() != before, changes, "{}", row.name);
            assert!(read_value(row.parameter, "much").is_err(), "{}", row.name);
        }
    }

    #[test]
    fn every_design_is_spoken_of_with_its_article_and_has_a_label_of_its_own() {
        for (index, design) in CATALOGUE.iter().enumerate() {
            let one = subject(design);
            let phrase = &one.phrase;
            assert!(
                ["a ", "an ", "the ", "delayed "].iter().any(|first| phrase.starts_with(first)),
                "{phrase}"
            );
            let vowel = phrase.starts_with("an ");
            let next = phrase.split(' ').nth(1).unwrap_or_default();
            let is_article = phrase.starts_with("a ") || vowel;
            assert!(!is_article || next.starts_with(['a', 'e', 'i', 'o']) == vowel, "{phrase}");
            assert!(!one.label.is_empty() && !one.label.contains('-'));
            let alike = CATALOGUE[..index].iter().map(subject);
            let mut alike = alike.filter(|other| other.transport == one.transport);
            assert!(alike.all(|other| other.label != one.label && &other.phrase != phrase));
        }
    }
}
