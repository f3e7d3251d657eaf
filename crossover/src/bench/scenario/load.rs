//! The load of an experiment.

use protocol::quantity::{Bytes, Nanoseconds, Unit, read_duration, read_share};
use results::Parameter;
use workload::{Arrivals, Close, Distribution, Law, LoadSpec, Network, Rate, Session};

use super::file::ExperimentTable;
use super::given::{Placed, Problem, maybe};
use crate::setup::Trouble;

/// A value that is not a list; a list is an axis.
pub(super) fn scalar<T>(
    key: &str,
    placed: &Option<Placed>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Problem> {
    maybe(key, placed.as_ref().filter(|placed| !placed.get_ref().is_list()), read)
}

pub(super) fn utilisation(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 10.0);
    share.ok_or_else(|| "utilisation is a fraction above 0, such as 0.4".to_owned())
}

fn count(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("'{text}' is not a number; write 16"))
}

fn distribution<U: Unit>(
    key: &str,
    placed: &Option<Placed>,
) -> Result<Option<Distribution<U>>, Problem> {
    scalar(key, placed, str::parse)
}

pub(super) fn load(table: &ExperimentTable) -> Result<LoadSpec, Problem> {
    let usual = LoadSpec::default();
    let no_time = Distribution::fixed(0.0);
    let think: Distribution<Nanoseconds> = distribution("think", &table.think)?.unwrap_or(no_time);
    let session = scalar("session", &table.session, str::parse)?;
    let varies_session = table.session.as_ref().is_some_and(|placed| placed.get_ref().is_list());
    if table.think.is_some() && !table.closed && session.is_none() && !varies_session {
        let why = "think is the pause after a reply: it needs closed = true or session";
        return Err(Problem::from(why.to_owned()));
    }
    let law = maybe("arrivals", table.arrivals.as_ref(), str::parse)?;
    let burst = scalar("burst", &table.burst, count)?.map(Law::Burst);
    if table.closed && (law.is_some() || burst.is_some()) {
        return Err(Problem::from(
            "a closed loop has no arrivals; omit arrivals and burst".to_owned(),
        ));
    }
    if law.is_some() && table.burst.is_some() {
        return Err(Problem::from("give arrivals or burst, one of them".to_owned()));
    }
    let rate = Rate::per_second(1.0).expect("above 0");
    let (wait, compute) = processing(table)?;
    let mut load = LoadSpec {
        arrivals: match table.closed {
            true => Arrivals::Closed(think),
            false => Arrivals::open(rate, law.or(burst).unwrap_or(Law::Poisson)),
        },
        session: session.map(|length| Session { length, think }),
        clients: scalar("clients", &table.clients, count)?.unwrap_or(1),
        depth: table.pipeline.unwrap_or(usual.depth),
        wait,
        compute,
        request_size: distribution::<Bytes>("request_size", &table.request_size)?
            .unwrap_or(usual.request_size),
        reply_size: distribution::<Bytes>("reply_size", &table.reply_size)?
            .unwrap_or(usual.reply_size),
        close: match maybe("close", table.close.as_ref(), close)? {
            Some(close) => close,
            None => usual.close,
        },
        timeout: maybe("timeout", table.timeout.as_ref(), read_duration)?.unwrap_or(usual.timeout),
        max_in_flight: table.max_in_flight.unwrap_or(usual.max_in_flight),
        ..usual
    };
    if let Some(variation) = scalar("variation", &table.variation, |text| {
        crate::setup::read_value(Parameter::Variation, text)
    })? {
        crate::setup::vary(&mut load, variation)?;
    }
    Ok(load)
}

/// Waiting and computing; `processing` gives both, in the proportion of `waiting_share`.
fn processing(
    table: &ExperimentTable,
) -> Result<(Distribution<Nanoseconds>, Distribution<Nanoseconds>), Problem> {
    let wait: Option<Distribution<Nanoseconds>> = distribution("wait", &table.wait)?;
    let compute: Option<Distribution<Nanoseconds>> = distribution("compute", &table.compute)?;
    let varies_processing = table
        .axes
        .as_ref()
        .is_some_and(|axes| axes.get_ref().keys().any(|name| name.get_ref() == "processing"))
        || table.axis.as_ref().is_some_and(|axis| axis.get_ref().texts() == ["processing"]);
    let no_time = Distribution::fixed(0.0);
    let varies_share = table.waiting_share.as_ref().is_some_and(|it| it.get_ref().is_list());
    if varies_share && table.processing.is_none() {
        return Ok((wait.unwrap_or(no_time), compute.unwrap_or(no_time)));
    }
    if table.processing.is_none() && !(varies_processing && table.waiting_share.is_some()) {
        if table.waiting_share.is_some() {
            let why = "waiting_share divides processing; give processing";
            return Err(Problem::from(why.to_owned()));
        }
        return Ok((wait.unwrap_or(no_time), compute.unwrap_or(no_time)));
    }
    if table.wait.is_some() || table.compute.is_some() {
        let why = "give processing with waiting_share, or wait and compute";
        return Err(Problem::from(why.to_owned()));
    }
    let read = |text: &str| {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.ok_or_else(|| "it is the fraction of processing that is waiting, 0 to 1".to_owned())
    };
    let share = match varies_share {
        true => 1.0, // each point divides the processing
        false => scalar("waiting_share", &table.waiting_share, read)?.ok_or_else(|| {
            Problem::from(
                "give waiting_share, the fraction of processing that is waiting, 0 to 1".to_owned(),
            )
        })?,
    };
    // A list sets the sum later and keeps the proportion.
    let both: Distribution<Nanoseconds> =
        distribution("processing", &table.processing)?.unwrap_or(Distribution::fixed(1e6));
    Ok((both.scaled(share), both.scaled(1.0 - share)))
}

/// What is made to go wrong.
pub(super) fn trouble(table: &ExperimentTable) -> Result<Trouble, Problem> {
    let share = |key: &str, placed: &Option<Placed>| -> Result<f64, Problem> {
        Ok(maybe(key, placed.as_ref(), read_share)?.unwrap_or(0.0))
    };
    let network = Network {
        drop: share("drop", &table.drop)?,
        duplicate: share("duplicate", &table.duplicate)?,
        reorder: share("reorder", &table.reorder)?,
    };
    if !network.is_sound() {
        let why = "drop, duplicate and reorder are together at most 1";
        return Err(Problem::from(why.to_owned()));
    }
    let misbehaving = maybe("misbehaving", table.misbehaving.as_ref(), str::parse)?;
    Ok(Trouble { network, misbehaving })
}

fn close(text: &str) -> Result<Close, String> {
    match text {
        "reset" => Ok(Close::Reset),
        "finish" => Ok(Close::Finish),
        _ => Err(format!("'{text}' is not reset or finish")),
    }
}
