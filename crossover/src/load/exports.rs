//! The files that a load is exported to.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use results::{Measurement, OutputFile, is_same_file};

use crate::cli::LoadArgs;
use crate::error::Error;

/// What writes a measurement in the format of a file.
pub(super) type Write = Box<dyn Fn(&mut Vec<u8>, &Measurement) -> io::Result<()>>;

pub(super) fn since_1970_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// The export files. They are prepared before the load, so that a wrong path is reported early.
pub(super) struct Exports(Vec<Export>);

struct Export {
    path: PathBuf,
    file: OutputFile,
    write: Write,
}

impl Exports {
    pub(super) fn prepare(arguments: &LoadArgs, save: Write) -> Result<Self, Error> {
        let asked: [(&str, &Option<PathBuf>, Write); 3] = [
            ("--save", &arguments.save, save),
            ("--hlog", &arguments.hlog, Box::new(write_hlog)),
            ("--hgrm", &arguments.hgrm, Box::new(write_hgrm)),
        ];
        let mut exports: Vec<(&str, Export)> = Vec::new();
        for (flag, path, write) in asked {
            let Some(path) = path.clone() else { continue };
            if let Some((other, _)) = exports.iter().find(|(_, it)| is_same_file(&it.path, &path)) {
                return Err(Error::Usage(format!(
                    "{other} and {flag} name the same file; give each its own file"
                )));
            }
            let file = OutputFile::prepare(&path).map_err(Error::file("write", &path))?;
            exports.push((flag, Export { path, file, write }));
        }
        Ok(Self(exports.into_iter().map(|(_, export)| export).collect()))
    }

    /// Writes every file, even after a failure, and returns the first failure.
    pub(super) fn write(self, measured: &Measurement) -> Result<(), Error> {
        let written = self.0.into_iter().map(|Export { path, file, write }| {
            let mut bytes = Vec::new();
            write(&mut bytes, measured)
                .and_then(|()| file.write(&bytes))
                .map_err(Error::file("write", &path))
        });
        written.collect::<Vec<_>>().into_iter().collect()
    }
}

/// Writes the format of HdrHistogram's log processors. Values are in nanoseconds, the whole run is
/// one interval, and unanswered requests have the bound that they exceed as their value.
fn write_hlog(out: &mut Vec<u8>, measured: &Measurement) -> io::Result<()> {
    let (histogram, window) =
        (&measured.times.response_time, Duration::from_nanos(measured.window_ns));
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("response times from the intended start, in nanoseconds");
    let to_io = |error| io::Error::other(format!("{error:?}"));
    let mut writer = builder.begin_log_with(out, &mut serializer)?;
    writer.write_histogram(&histogram.hdr_histogram(), Duration::ZERO, window, None).map_err(to_io)
}

/// Writes the table that HdrHistogram's plotter reads. Values are in milliseconds.
fn write_hgrm(out: &mut Vec<u8>, measured: &Measurement) -> io::Result<()> {
    let histogram = measured.times.response_time.hdr_histogram();
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut seen = 0;
    for step in histogram.iter_quantiles(5) {
        seen += step.count_since_last_iteration();
        let (value, quantile) =
            (step.value_iterated_to() as f64 / 1e6, step.quantile_iterated_to());
        write!(out, "{value:>12.3} {quantile:>2.12} {seen:>10}")?;
        match quantile < 1.0 {
            true => writeln!(out, " {:>14.2}", 1.0 / (1.0 - quantile))?,
            false => writeln!(out)?,
        }
    }
    let (mean, deviation) = (histogram.mean() / 1e6, histogram.stdev() / 1e6);
    writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]")?;
    let (max, count) = (histogram.max() as f64 / 1e6, histogram.len());
    writeln!(out, "#[Max     = {max:>12.3}, Total count    = {count:>12}]")
}
