//! The table of everything that an experiment can vary.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A quantity that an experiment varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parameter {
    /// Waiting of one request.
    Wait,
    /// Processor time of one request.
    Compute,
    /// Offered load.
    Rate,
    /// Bytes of a request.
    RequestSize,
    /// Bytes of a reply.
    ReplySize,
    /// Connections or sockets; in a closed loop, clients.
    Clients,
    /// Workers of the server.
    Workers,
    /// Delayed allocation: how long a receiver serves a request itself.
    Patience,
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

/// All parameters.
pub const PARAMETERS: [ParameterRow; 8] = {
    use ParameterScale::{Linear, Logarithmic};
    use ParameterUnit::{Count, Rate, Size, Time};
    [
        ParameterRow {
            verb: Some("wait"),
            is_processing: true,
            ..row(
                Parameter::Wait,
                "wait",
                Time,
                Logarithmic,
                "processing of one request: waiting (achieved)",
            )
        },
        ParameterRow {
            verb: Some("compute"),
            is_processing: true,
            ..row(
                Parameter::Compute,
                "compute",
                Time,
                Logarithmic,
                "processing of one request: computing (achieved)",
            )
        },
        row(Parameter::Rate, "rate", Rate, Linear, "offered load"),
        row(Parameter::RequestSize, "request-size", Size, Logarithmic, "size of a request"),
        row(Parameter::ReplySize, "reply-size", Size, Logarithmic, "size of a reply"),
        row(Parameter::Clients, "clients", Count, Logarithmic, "clients"),
        row(Parameter::Workers, "workers", Count, Logarithmic, "workers of the server"),
        row(Parameter::Patience, "patience", Time, Logarithmic, "patience of the server"),
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
