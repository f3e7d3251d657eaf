//! A server of the user's own: the program that starts it, or the address where it runs already.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadgen::{Exchange, HttpRequest, RawReply, Target, Template};
use protocol::Transport;
use results::{Allocation, Concurrency, Subject, WorkUnit};

use super::counts::Workers;
use crate::cli::{Scheme, TargetUrl};

/// A server of the user's own, as a scenario describes it.
#[derive(Clone, Debug)]
pub struct OwnServerSpec {
    /// Its name, unique in the scenario.
    pub name: String,
    /// In legends and sentences.
    pub label: String,
    /// The program that starts it and its arguments; empty if it runs already.
    pub command: Vec<String>,
    /// Files that are written into the folder of each run before the program starts: names and
    /// texts, with placeholders.
    pub files: BTreeMap<String, String>,
    /// Further environment variables of the program.
    pub env: BTreeMap<String, String>,
    /// The folder in which the program runs.
    pub cwd: Option<PathBuf>,
    /// Where its requests go, with placeholders.
    pub target: String,
    /// How to tell that it is ready.
    pub ready: Readiness,
    /// How long that may take.
    pub start_timeout: Duration,
    /// How many requests it has in progress.
    pub concurrency: Concurrency,
    /// Requests that are sent to it before each run.
    pub warmup_requests: u32,
    /// The bytes of a request over tcp:// and udp://, with placeholders.
    pub send: Option<Vec<u8>>,
    /// How the end of a reply to them is recognised.
    pub reply: Option<RawReply>,
    /// The process of a server that runs already.
    pub pid: Option<i32>,
}

/// How to tell that a server is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It accepts a connection, or holds its UDP port.
    Connect,
    /// It answers a request over HTTP.
    Http,
    /// It has printed a line that matches this regular expression.
    Line(String),
}

/// A server of the user's own in a run.
#[derive(Clone, Debug)]
pub struct OwnServer {
    /// What the scenario says of it.
    pub spec: Arc<OwnServerSpec>,
    /// Its workers, where something varies or sets them.
    pub workers: Option<Workers>,
}

/// What is filled into a command and a target for a run.
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    /// The port on which the server is to listen.
    pub port: u16,
    /// Its workers.
    pub workers: u32,
    /// Its cores.
    pub cores: usize,
}

impl Filling {
    /// The text with `{port}`, `{workers}` and `{cores}` filled in.
    #[must_use]
    pub fn fill(self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string())
            .replace("{workers}", &self.workers.to_string())
            .replace("{cores}", &self.cores.to_string())
    }
}

impl OwnServerSpec {
    fn scheme(&self) -> Scheme {
        match self.target.split_once("://").map(|(scheme, _)| scheme) {
            Some("udp") => Scheme::Udp,
            Some("tcp") => Scheme::Tcp,
            _ => Scheme::Http,
        }
    }

    /// What carries its requests.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.scheme().transport()
    }

    /// The subject of comparisons.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            name: self.name.clone(),
            label: self.label.clone(),
            phrase: self.label.clone(),
            transport: self.transport(),
            concurrency: self.concurrency,
            allocation: Allocation::Preallocated,
            unit: match self.concurrency {
                Concurrency::Iterative => WorkUnit::Master,
                Concurrency::Concurrent => WorkUnit::Process,
                Concurrency::Apparent => WorkUnit::Loop,
            },
        }
    }

    /// The server as the generator sees it.
    ///
    /// # Errors
    /// If the target is not one, or is not on this machine.
    pub fn target(&self, filling: Filling) -> Result<Target, String> {
        let filled = filling.fill(&self.target);
        let url: TargetUrl = filled.parse()?;
        if let Some(remote) = url.addresses.iter().find(|it| !it.ip().to_canonical().is_loopback())
        {
            return Err(format!(
                "{remote} is not on this machine; a bench measures servers on 127.0.0.1 or ::1"
            ));
        }
        let exchange = match (url.scheme, &self.send) {
            (Scheme::Http, _) => {
                let fields: Vec<String> =
                    url.authorization.iter().map(|it| format!("Authorization: {it}")).collect();
                Exchange::Http(HttpRequest::new("GET", &url.host, &url.path, &fields, b"")?)
            }
            (_, Some(send)) => Exchange::Raw {
                request: Template::of(send),
                reply: self.reply.clone().unwrap_or(RawReply::Delimiter(b"\n".to_vec())),
            },
            (_, None) => Exchange::Work,
        };
        Ok(Target {
            addresses: url.addresses.clone(),
            exchange,
            ..Target::work(self.transport(), url.addresses[0])
        })
    }
}

impl OwnServer {
    pub(super) fn in_words(&self) -> results::ServerSetup {
        let workers = self.workers.map(|workers| match workers {
            Workers::Count(count) => count.to_string(),
            Workers::Cores => "cores".to_owned(),
        });
        let flags = workers.map_or_else(Vec::new, |count| vec!["--workers".to_owned(), count]);
        results::ServerSetup {
            flags,
            cores: None,
            command: without_secrets(&self.spec.command),
            target: without_user(&self.spec.target),
            files: self.spec.files.iter().map(|(name, text)| with_digest(name, text)).collect(),
        }
    }
}

/// The name of a file, and eight digits by which its text is known again.
fn with_digest(name: &str, text: &str) -> String {
    format!("{name} {}", workload::eight_digits([text.as_bytes()]))
}

/// Words that mark an argument as a secret.
const SECRETIVE: [&str; 8] =
    ["password", "passwd", "secret", "token", "apikey", "api-key", "api_key", "credential"];

/// What stands in place of a secret.
const HIDDEN: &str = "…";

/// A command without what may be a secret: the value of an argument whose name says so, user and
/// password of URLs.
#[must_use]
pub fn without_secrets(command: &[String]) -> Vec<String> {
    let is_secretive = |name: &str| {
        let name = name.to_lowercase();
        SECRETIVE.iter().any(|word| name.contains(word))
    };
    let mut hides_next = false;
    command
        .iter()
        .map(|argument| {
            let hidden = std::mem::take(&mut hides_next);
            match argument.split_once('=') {
                _ if hidden => HIDDEN.to_owned(),
                Some((name, _)) if is_secretive(name) => format!("{name}={HIDDEN}"),
                None if argument.starts_with('-') && is_secretive(argument) => {
                    hides_next = true;
                    argument.clone()
                }
                _ => without_user(argument),
            }
        })
        .collect()
}

/// A text without user and password of a URL in it, and without secrets in the URL's query.
pub(crate) fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let user = if host.len() < authority.len() { format!("{HIDDEN}@") } else { String::new() };
    let path = match path.split_once('?') {
        None => path.to_owned(),
        Some((path, query)) => {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some((name, _))
                    if SECRETIVE.iter().any(|word| name.to_lowercase().contains(word)) =>
                {
                    format!("{name}={HIDDEN}")
                }
                _ => pair.to_owned(),
            });
            format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
        }
    };
    format!("{scheme}://{user}{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden() {
        let command =
            ["serve", "--db=postgres://me:pw@db/x", "--token", "abc", "--api-key=k", "-v"];
        let command: Vec<String> = command.map(str::to_owned).to_vec();
        assert_eq!(
            without_secrets(&command),
            ["serve", "--db=postgres://…@db/x", "--token", "…", "--api-key=…", "-v"]
        );
        assert_eq!(
            without_user("http://u:p@127.0.0.1:{port}/a?token=t&wait={wait_us}"),
            "http://…@127.0.0.1:{port}/a?token=…&wait={wait_us}"
        );
        assert_eq!(without_user("http://127.0.0.1:1/"), "http://127.0.0.1:1/");
    }
}
