//! The keys of a scenario file, as they are written.

use std::collections::BTreeMap;

use results::{Shows, Wins};
use serde::Deserialize;
use toml::Spanned;

use super::claim_tables::{CheckTable, ClaimTable};
use super::given::Placed;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default = "one")]
    pub(super) seed: u64,
    #[serde(default = "six")]
    pub(super) repetitions: u32,
    #[serde(default)]
    pub(super) budget: Option<Placed>,
    #[serde(default = "yes")]
    pub(super) repeat_disturbed: bool,
    #[serde(default, rename = "server")]
    pub(super) servers: Vec<Spanned<ServerTable>>,
    #[serde(default, rename = "claim")]
    pub(super) claims: Vec<Spanned<ClaimTable>>,
    #[serde(default, rename = "experiment")]
    pub(super) experiments: Vec<Spanned<ExperimentTable>>,
}

impl ScenarioFile {
    /// The checks of all claims.
    pub(super) fn checks(&self) -> impl Iterator<Item = &CheckTable> {
        let checks = self.claims.iter().flat_map(|claim| &claim.get_ref().checks);
        checks.map(Spanned::get_ref)
    }
}

fn one() -> u64 {
    1
}

fn yes() -> bool {
    true
}

fn six() -> u32 {
    6
}

/// The files of a server, or the name of another server that has the same ones.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Files {
    Own(BTreeMap<String, String>),
    Those(String),
}

impl Default for Files {
    fn default() -> Self {
        Self::Own(BTreeMap::new())
    }
}

impl Files {
    pub(super) fn are_none(&self) -> bool {
        matches!(self, Self::Own(files) if files.is_empty())
    }
}

/// `[[server]]`: a server of the user's own, or a design with settings of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerTable {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) design: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) workers: Option<Placed>,
    #[serde(default)]
    pub(super) service: Option<Placed>,
    #[serde(default)]
    pub(super) idle: Option<Placed>,
    #[serde(default)]
    pub(super) patience: Option<Placed>,
    #[serde(default)]
    pub(super) distribution: Option<Placed>,
    #[serde(default)]
    pub(super) command: Vec<String>,
    #[serde(default)]
    pub(super) target: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) ready: Option<Placed>,
    #[serde(default)]
    pub(super) start_timeout: Option<Placed>,
    #[serde(default)]
    pub(super) concurrency: Option<Placed>,
    #[serde(default)]
    pub(super) files: Files,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) cwd: Option<String>,
    #[serde(default)]
    pub(super) warmup_requests: u32,
    #[serde(default)]
    pub(super) send: Option<Placed>,
    #[serde(default)]
    pub(super) reply_until: Option<Placed>,
    #[serde(default)]
    pub(super) reply_length: Option<Placed>,
    #[serde(default)]
    pub(super) pid: Option<i32>,
}

/// `[[experiment]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExperimentTable {
    pub(super) name: String,
    #[serde(default)]
    pub(super) question: Option<String>,
    #[serde(default)]
    pub(super) shows: Option<Vec<Shows>>,
    #[serde(default)]
    pub(super) wins: Wins,
    #[serde(default)]
    pub(super) bound: Option<Placed>,
    pub(super) designs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) twins: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) axis: Option<Placed>,
    #[serde(default)]
    pub(super) points: Option<Placed>,
    #[serde(default)]
    pub(super) axes: Option<Spanned<BTreeMap<Spanned<String>, Placed>>>,
    #[serde(default)]
    pub(super) arrivals: Option<Placed>,
    #[serde(default)]
    pub(super) closed: bool,
    #[serde(default)]
    pub(super) rate: Option<Placed>,
    #[serde(default)]
    pub(super) utilisation: Option<Placed>,
    #[serde(default)]
    pub(super) calibrated_utilisation: Option<Placed>,
    #[serde(default)]
    pub(super) burst: Option<Placed>,
    #[serde(default, rename = "for")]
    pub(super) window: Option<Placed>,
    #[serde(default)]
    pub(super) requests: Option<u32>,
    #[serde(default)]
    pub(super) warmup: Option<Placed>,
    #[serde(default)]
    pub(super) warmup_requests: u32,
    #[serde(default)]
    pub(super) wait: Option<Placed>,
    #[serde(default)]
    pub(super) compute: Option<Placed>,
    #[serde(default)]
    pub(super) processing: Option<Placed>,
    #[serde(default)]
    pub(super) waiting_share: Option<Placed>,
    #[serde(default)]
    pub(super) variation: Option<Placed>,
    #[serde(default)]
    pub(super) request_size: Option<Placed>,
    #[serde(default)]
    pub(super) reply_size: Option<Placed>,
    #[serde(default)]
    pub(super) clients: Option<Placed>,
    #[serde(default)]
    pub(super) session: Option<Placed>,
    #[serde(default)]
    pub(super) think: Option<Placed>,
    #[serde(default)]
    pub(super) pipeline: Option<u32>,
    #[serde(default)]
    pub(super) max_in_flight: Option<u32>,
    #[serde(default)]
    pub(super) connection: Option<Placed>,
    #[serde(default)]
    pub(super) close: Option<Placed>,
    #[serde(default)]
    pub(super) timeout: Option<Placed>,
    #[serde(default)]
    pub(super) service: Option<Placed>,
    #[serde(default)]
    pub(super) workers: Option<Placed>,
    #[serde(default)]
    pub(super) cores: Option<Placed>,
    #[serde(default)]
    pub(super) patience: Option<Placed>,
    #[serde(default)]
    pub(super) idle: Option<Placed>,
    #[serde(default)]
    pub(super) distribution: Option<Placed>,
    #[serde(default)]
    pub(super) ballast: Option<Placed>,
    #[serde(default)]
    pub(super) pages: Option<Placed>,
    #[serde(default)]
    pub(super) backlog: Option<Placed>,
    #[serde(default)]
    pub(super) receive_buffer: Option<Placed>,
    #[serde(default)]
    pub(super) drop: Option<Placed>,
    #[serde(default)]
    pub(super) duplicate: Option<Placed>,
    #[serde(default)]
    pub(super) reorder: Option<Placed>,
    #[serde(default)]
    pub(super) misbehaving: Option<Placed>,
}

impl ExperimentTable {
    /// A list of utilisations; calibrated ones are the same quantity.
    fn varied_utilisation(&self) -> Option<&Placed> {
        let lists = [&self.utilisation, &self.calibrated_utilisation];
        let given = || lists.iter().filter_map(|placed| placed.as_ref());
        given().find(|placed| placed.get_ref().is_list()).or_else(|| given().next())
    }

    /// Every key whose value may be a list, with the name of its parameter.
    pub(super) fn variable(&self) -> [(&'static str, Option<&Placed>); 17] {
        [
            ("wait", self.wait.as_ref()),
            ("compute", self.compute.as_ref()),
            ("processing", self.processing.as_ref()),
            ("waiting-share", self.waiting_share.as_ref()),
            ("utilisation", self.varied_utilisation()),
            ("rate", self.rate.as_ref()),
            ("burst", self.burst.as_ref()),
            ("clients", self.clients.as_ref()),
            ("session", self.session.as_ref()),
            ("think", self.think.as_ref()),
            ("variation", self.variation.as_ref()),
            ("request-size", self.request_size.as_ref()),
            ("reply-size", self.reply_size.as_ref()),
            ("workers", self.workers.as_ref()),
            ("cores", self.cores.as_ref()),
            ("patience", self.patience.as_ref()),
            ("ballast", self.ballast.as_ref()),
        ]
    }
}
