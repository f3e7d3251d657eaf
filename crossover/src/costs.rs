//! The costs of this machine: where they are kept, and which are used.

use std::path::PathBuf;
use std::sync::OnceLock;

use advice::MachineCosts;
use results::Machine;

use crate::cli::CostsSource;
use crate::error::Error;
use crate::host::machine;
use crate::text_file::read_text;

/// The costs that were asked for; without a wish those of this machine, or else typical ones.
pub(crate) fn of(source: Option<&CostsSource>) -> Result<MachineCosts, Error> {
    match source {
        Some(CostsSource::Typical) => Ok(MachineCosts::typical()),
        Some(CostsSource::Zero) => Ok(MachineCosts::zero()),
        Some(CostsSource::File(path)) => read(path.clone()),
        Some(CostsSource::Here) => {
            let kept = read(kept_at()?)?;
            if kept.machine != identity() {
                return Err(Error::Usage(format!(
                    "the costs that are kept are those of another machine ({}); measure this one with \
                     `crossover calibrate`",
                    kept.machine
                )));
            }
            Ok(kept)
        }
        None => match kept_at() {
            Ok(path) if path.exists() => {
                let kept = read(path)?;
                // A cache folder may be shared by machines, and a machine may have changed.
                Ok(if kept.machine == identity() { kept } else { MachineCosts::typical() })
            }
            _ => Ok(MachineCosts::typical()),
        },
    }
}

/// The costs in a file.
///
/// # Errors
/// If it cannot be read, or holds something else.
pub(crate) fn read(path: PathBuf) -> Result<MachineCosts, Error> {
    let text = read_text(&path)?;
    serde_json::from_str(&text).map_err(|error| {
        Error::Usage(format!(
            "{} does not hold the costs of a machine ({error}); write it with `crossover calibrate`",
            path.display()
        ))
    })
}

/// What identifies this machine, as far as its costs depend on it. It is read once, and must be read
/// first before a testbed keeps the calling thread to one core.
pub(crate) fn identity() -> String {
    static IDENTITY: OnceLock<String> = OnceLock::new();
    IDENTITY.get_or_init(read_identity).clone()
}

fn read_identity() -> String {
    identity_of(&machine::probe())
}

/// The same of any machine.
pub(crate) fn identity_of(machine: &Machine) -> String {
    let kind = if machine.virtual_machine { "virtual machine" } else { "machine" };
    let cores =
        if machine.cores == 1 { "one core".to_owned() } else { format!("{} cores", machine.cores) };
    format!("{kind} with {cores}, {}, Linux {}", machine.processor, machine.kernel)
}

/// The file in the user's cache folder (XDG Base Directory Specification).
pub(crate) fn kept_at() -> Result<PathBuf, Error> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    folder.map(|folder| folder.join("crossover").join("costs.json")).ok_or_else(|| {
        Error::Usage("there is no cache folder; set HOME or XDG_CACHE_HOME".to_owned())
    })
}
