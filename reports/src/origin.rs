//! Where and when a bench was made: from its records, so that a page made again says the same.

use results::{Record, Settled, TestbedKind};

/// `1 December 2026 · 2 cores, …, Linux … · scenario quick · crossover 0.1.0`; empty without records.
pub(crate) fn of(settled: &Settled) -> String {
    settled.records.first().map_or_else(String::new, of_record)
}

fn of_record(record: &Record) -> String {
    let at = jiff::Timestamp::from_millisecond(record.started_unix_ms as i64).unwrap_or_default();
    let day = at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%-d %B %Y").to_string();
    let machine = record.hosts.first().map(|host| &host.machine);
    let machine = machine.map_or_else(String::new, |its| {
        let cores =
            if its.cores == 1 { "one core".to_owned() } else { format!("{} cores", its.cores) };
        let kind = if its.virtual_machine { ", virtual machine" } else { "" };
        let kernel =
            if its.kernel.is_empty() { String::new() } else { format!(", Linux {}", its.kernel) };
        format!("{cores}, {}{kind}{kernel}", its.processor)
    });
    let simulated = if record.testbed == TestbedKind::Simulated { "simulated" } else { "" };
    let parts = [
        day,
        simulated.to_owned(),
        machine,
        format!("scenario {}", record.scenario),
        format!("crossover {}", record.program.version),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}
