//! The table of everything that an experiment can vary.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A quantity that an experiment varies. Of two that are varied at once, the one that stands first
/// here is the axis of the curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Parameter {
    /// Waiting of one request.
    Wait,
    /// Processor time of one request.
    Compute,
    /// Waiting and processor time of one request together, in a given proportion.
    Processing,
    /// The fraction of the processing that is waiting.
    WaitingShare,
    /// Offered load as a fraction of what a server of one worker can serve.
    Utilisation,
    /// Offered load.
    Rate,
    /// Requests that arrive at once.
    Burst,
    /// Connections or sockets; in a closed loop, clients.
    Clients,
    /// Requests of a session.
    Session,
    /// Pause of a client between a reply and its next request.
    Think,
    /// Squared coefficient of variation C² of the processing, at a fixed mean.
    Variation,
    /// Bytes of a request.
    RequestSize,
    /// Bytes of a reply.
    ReplySize,
    /// Workers of the server.
    Workers,
    /// Cores that the server may use.
    Cores,
    /// Delayed allocation: how long a receiver serves a request itself.
    Patience,
    /// Memory that the server has touched before it serves.
    Ballast,
}

/// The unit of a parameter's values, which decides how they are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterUnit {
    /// Nanoseconds.
    Time,
    /// Requests a second.
    Rate,
    /// Bytes.
    Size,
    /// A whole number.
    Count,
    /// A number of at least 0.
    Number,
}

/// How an axis of a parameter is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterScale {
    /// By factors.
    Logarithmic,
    /// By steps, from 0.
    Linear,
}

/// The facts about a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterRow {
    /// The parameter.
    pub parameter: Parameter,
    /// Its name in scenarios, records and messages.
    pub name: &'static str,
    /// The unit of its values.
    pub unit: ParameterUnit,
    /// How its axis is divided.
    pub scale: ParameterScale,
    /// What a request does for this long, as a verb in the singular; `None` if a request does
    /// nothing of the kind.
    pub verb: Option<&'static str>,
    /// The label of its axis.
    pub label: &'static str,
    /// Whether the server's own stamps report the value that was achieved.
    pub is_processing: bool,
}

const fn row(
    parameter: Parameter,
    name: &'static str,
    unit: ParameterUnit,
    scale: ParameterScale,
    label: &'static str,
) -> ParameterRow {
    ParameterRow { parameter, name, unit, scale, verb: None, label, is_processing: false }
}

/// All parameters, in the order of the enum.
pub const PARAMETERS: [ParameterRow; 17] = {
    use ParameterScale::{Linear, Logarithmic};
    use ParameterUnit::{Count, Number, Rate, Size, Time};
    const fn processing(row: ParameterRow, verb: &'static str) -> ParameterRow {
        ParameterRow { verb: Some(verb), is_processing: true, ..row }
    }
    let wait = "processing of one request: waiting (achieved)";
    let compute = "processing of one request: computing (achieved)";
    let both = "processing of one request (achieved)";
    [
        processing(row(Parameter::Wait, "wait", Time, Logarithmic, wait), "wait"),
        processing(row(Parameter::Compute, "compute", Time, Logarithmic, compute), "compute"),
        processing(row(Parameter::Processing, "processing", Time, Logarithmic, both), "take"),
        row(
            Parameter::WaitingShare,
            "waiting-share",
            Number,
            Linear,
            "fraction of the processing that is waiting",
        ),
        row(Parameter::Utilisation, "utilisation", Number, Linear, "utilisation of one worker"),
        row(Parameter::Rate, "rate", Rate, Linear, "offered load"),
        row(Parameter::Burst, "burst", Count, Logarithmic, "requests that arrive at once"),
        row(Parameter::Clients, "clients", Count, Logarithmic, "clients"),
        row(Parameter::Session, "session", Count, Logarithmic, "requests of a session"),
        row(Parameter::Think, "think", Time, Logarithmic, "think time"),
        row(Parameter::Variation, "variation", Number, Linear, "C² of the processing"),
        row(Parameter::RequestSize, "request-size", Size, Logarithmic, "size of a request"),
        row(Parameter::ReplySize, "reply-size", Size, Logarithmic, "size of a reply"),
        row(Parameter::Workers, "workers", Count, Logarithmic, "workers of the server"),
        row(Parameter::Cores, "cores", Count, Linear, "cores of the server"),
        row(Parameter::Patience, "patience", Time, Logarithmic, "patience of the server"),
        row(Parameter::Ballast, "ballast", Size, Logarithmic, "memory of the server"),
    ]
};

impl Parameter {
    /// Its row in the table.
    #[must_use]
    pub fn row(self) -> &'static ParameterRow {
        &PARAMETERS[self as usize]
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = PARAMETERS.iter().find(|row| row.name == text).map(|row| row.parameter);
        found.ok_or_else(|| {
            let names: Vec<&str> = PARAMETERS.iter().map(|row| row.name).collect();
            format!("'{text}' is nothing that can be varied; there are: {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_stands_in_its_own_row_under_one_name() {
        for (index, row) in PARAMETERS.iter().enumerate() {
            assert_eq!(row.parameter as usize, index, "{}", row.name);
            assert_eq!(row.name.parse(), Ok(row.parameter));
            let in_records = serde_json::to_string(&row.parameter).expect("plain data");
            assert_eq!(in_records, format!("\"{}\"", row.name));
            assert_eq!(row.is_processing, row.verb.is_some());
        }
        assert!("tides".parse::<Parameter>().is_err_and(|error| error.contains("reply-size")));
    }
}
