//! The subjects that a scenario names: designs, and its own `[[server]]` tables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadgen::RawReply;
use protocol::quantity::read_duration;
use results::Concurrency;
use servers::{CATALOGUE, Design, Service};
use toml::Spanned;

use super::file::{Files, ServerTable};
use super::given::{Problem, maybe};
use crate::cli::unescape;
use crate::names::did_you_mean;
use crate::setup::{Called, Filling, OwnServer, OwnServerSpec, Readiness, Server, ServerSetup};

/// How long a server may take to be ready by default.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest name of a server, in bytes.
const LONGEST_NAME: usize = 64;

/// The servers that the tables of a scenario describe.
pub(super) fn servers(tables: &[Spanned<ServerTable>]) -> Result<Vec<Server>, Problem> {
    let mut servers: Vec<Server> = Vec::new();
    for table in tables {
        let at = table.get_ref().name.span();
        let server = server(table.get_ref(), &servers)?;
        let name = server.subject().name;
        if servers.iter().any(|other| other.subject().name == name) {
            return Err(Problem::at(at, format!("two servers are called '{name}'")));
        }
        servers.push(server);
    }
    Ok(servers)
}

/// The subject of this name.
pub(super) fn named(name: &Spanned<String>, servers: &[Server]) -> Result<Server, Problem> {
    let text = name.get_ref();
    if let Some(server) = servers.iter().find(|server| server.subject().name == *text) {
        return Ok(server.clone());
    }
    if let Some(design) = Design::named(text) {
        return Ok(Server::Design(ServerSetup::usual(design)));
    }
    let own: Vec<String> = servers.iter().map(|server| server.subject().name).collect();
    let designs = CATALOGUE.iter().map(|design| design.name);
    let names: Vec<&str> = own.iter().map(String::as_str).chain(designs).collect();
    let meant = did_you_mean(text, &names);
    Err(Problem::at(
        name.span(),
        format!("no design or server is called '{text}'{meant} There are: {}", names.join(", ")),
    ))
}

/// A server behind these others.
fn server(table: &ServerTable, before: &[Server]) -> Result<Server, Problem> {
    let name = table.name.get_ref();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_name) {
        return Err(Problem::at(
            table.name.span(),
            format!("a server's name has letters, digits, -, _ and . only, {LONGEST_NAME} at most"),
        ));
    }
    if Design::named(name).is_some() {
        return Err(Problem::at(
            table.name.span(),
            format!("'{name}' is the name of a design; call the server something else"),
        ));
    }
    let label = table.label.clone().unwrap_or_else(|| name.clone());
    if label.chars().any(char::is_control) {
        return Err(Problem::at(table.name.span(), "the label holds a control character"));
    }
    match &table.design {
        Some(design) => of_a_design(table, design, label).map(Server::Design),
        None => of_the_users_own(table, label, before).map(Server::Own),
    }
}

/// A design with settings of its own.
fn of_a_design(
    table: &ServerTable,
    design: &Spanned<String>,
    label: String,
) -> Result<ServerSetup, Problem> {
    let only_own = [
        ("command", !table.command.is_empty()),
        ("target", table.target.is_some()),
        ("ready", table.ready.is_some()),
        ("start_timeout", table.start_timeout.is_some()),
        ("concurrency", table.concurrency.is_some()),
        ("files", !table.files.are_none()),
        ("env", !table.env.is_empty()),
        ("cwd", table.cwd.is_some()),
        ("send", table.send.is_some()),
        ("reply_until", table.reply_until.is_some()),
        ("reply_length", table.reply_length.is_some()),
        ("pid", table.pid.is_some()),
        ("warmup_requests", table.warmup_requests > 0),
    ];
    if let Some((key, _)) = only_own.iter().find(|(_, is_given)| *is_given) {
        return Err(Problem::at(
            table.name.span(),
            format!("{key} is for servers of your own; omit it, or omit design"),
        ));
    }
    let Server::Design(usual) = named(design, &[])? else {
        return Err(Problem::at(design.span(), "it is not a design"));
    };
    Ok(ServerSetup {
        called: Some(Called { name: table.name.get_ref().clone(), label }),
        service: maybe("service", table.service.as_ref(), service)?.unwrap_or(Service::Work),
        workers: maybe("workers", table.workers.as_ref(), str::parse)?,
        idle: maybe("idle", table.idle.as_ref(), read_duration)?,
        patience: maybe("patience", table.patience.as_ref(), read_duration)?,
        distribution: maybe("distribution", table.distribution.as_ref(), str::parse)?,
        ..usual
    })
}

/// Reads a service that a load can be put on.
pub(super) fn service(text: &str) -> Result<Service, String> {
    match text.parse() {
        Ok(Service::Daytime | Service::Time) | Err(_) => {
            Err(format!("'{text}' is not a service of a scenario; write work, http, echo or next"))
        }
        Ok(service) => Ok(service),
    }
}

fn of_the_users_own(
    table: &ServerTable,
    label: String,
    before: &[Server],
) -> Result<OwnServer, Problem> {
    let wrong = |why: &str| Problem::at(table.name.span(), format!("server '{label}': {why}"));
    let of_designs = [
        ("service", table.service.is_some()),
        ("idle", table.idle.is_some()),
        ("patience", table.patience.is_some()),
        ("distribution", table.distribution.is_some()),
    ];
    if let Some((key, _)) = of_designs.iter().find(|(_, is_given)| *is_given) {
        return Err(wrong(&format!("{key} is a setting of the designs; name one with design")));
    }
    let target = table.target.as_ref().ok_or_else(|| {
        wrong("give its target, such as \"http://127.0.0.1:{port}/\", or a design")
    })?;
    let runs_already = table.command.is_empty();
    if runs_already && target.get_ref().contains("{port}") {
        return Err(wrong("{port} is filled in for a server that is started; give a command"));
    }
    if runs_already && (!table.env.is_empty() || table.cwd.is_some() || table.ready.is_some()) {
        return Err(wrong("env, cwd and ready are for a server that is started; give a command"));
    }
    if runs_already && !table.files.are_none() {
        return Err(wrong("files are for a server that is started; give a command"));
    }
    let files = files(&table.files, before).map_err(|why| wrong(&why))?;
    if let Some(name) = files.keys().find(|name| !is_file_name(name)) {
        let why = format!("'{name}' is not the name of a file; write letters, digits, -, _ and .");
        return Err(wrong(&why));
    }
    if !runs_already && table.pid.is_some() {
        return Err(wrong("pid is for a server that runs already; omit it, or the command"));
    }
    let send = maybe("send", table.send.as_ref(), unescape)?;
    let reply = reply(table)?;
    if send.is_none() && reply.is_some() {
        return Err(wrong("reply_length and reply_until need send"));
    }
    let spec = OwnServerSpec {
        name: table.name.get_ref().clone(),
        label: label.clone(),
        command: table.command.clone(),
        files,

        env: table.env.clone(),
        cwd: table.cwd.as_ref().map(PathBuf::from),
        target: target.get_ref().clone(),
        ready: maybe("ready", table.ready.as_ref(), ready)?.unwrap_or(Readiness::Connect),
        start_timeout: maybe("start_timeout", table.start_timeout.as_ref(), read_duration)?
            .unwrap_or(START_TIMEOUT),
        concurrency: maybe("concurrency", table.concurrency.as_ref(), concurrency)?
            .unwrap_or(Concurrency::Concurrent),
        warmup_requests: table.warmup_requests,
        send,
        reply,
        pid: table.pid,
    };
    // A target that is wrong is noticed before anything is started.
    let trial = Filling { port: 1, workers: 1, cores: 1 };
    spec.target(trial).map_err(|why| Problem::at(target.span(), why))?;
    let workers = maybe("workers", table.workers.as_ref(), str::parse)?;
    Ok(OwnServer { spec: Arc::new(spec), workers })
}

/// The files of a server: its own, or those of one of the servers before it.
fn files(files: &Files, before: &[Server]) -> Result<BTreeMap<String, String>, String> {
    let name = match files {
        Files::Own(files) => return Ok(files.clone()),
        Files::Those(name) => name,
    };
    let of_it = |server: &Server| match server {
        Server::Own(own) if own.spec.name == *name => Some(own.spec.files.clone()),
        _ => None,
    };
    let found = before.iter().find_map(of_it);
    found.ok_or_else(|| format!("no server of your own before this one is called '{name}'"))
}

/// How the end of a reply is recognised, if the table says so.
fn reply(table: &ServerTable) -> Result<Option<RawReply>, Problem> {
    let reply_length = maybe("reply_length", table.reply_length.as_ref(), |text| {
        text.parse().ok().filter(|length| (1..=16_777_216).contains(length)).ok_or_else(|| {
            format!("'{text}' is not a length; write a number of bytes from 1 to 16777216")
        })
    })?;
    let reply_until = maybe("reply_until", table.reply_until.as_ref(), |text| {
        unescape(text).and_then(|bytes| {
            if bytes.is_empty() { Err("give at least one byte".to_owned()) } else { Ok(bytes) }
        })
    })?;
    match (reply_length, reply_until) {
        (Some(_), Some(_)) => {
            Err(Problem::at(table.name.span(), "give reply_length or reply_until, not both"))
        }
        (Some(length), None) => Ok(Some(RawReply::Length(length))),
        (None, Some(until)) => Ok(Some(RawReply::Delimiter(until))),
        (None, None) => Ok(None),
    }
}

/// Whether a name is that of a file in a folder, and no path that leads elsewhere.
fn is_file_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_letter)
}

fn ready(text: &str) -> Result<Readiness, String> {
    match text.split_once(' ') {
        None if text == "connect" => Ok(Readiness::Connect),
        None if text == "http" => Ok(Readiness::Http),
        Some(("line", pattern)) => {
            regex_lite::Regex::new(pattern)
                .map_err(|error| format!("'{pattern}' is not a regular expression: {error}"))?;
            Ok(Readiness::Line(pattern.to_owned()))
        }
        _ => Err(format!(
            "'{text}' does not say when a server is ready; write \"connect\", \"http\", or \"line \
             REGEX\" for a line of its output"
        )),
    }
}

fn concurrency(text: &str) -> Result<Concurrency, String> {
    match text {
        "iterative" => Ok(Concurrency::Iterative),
        "concurrent" => Ok(Concurrency::Concurrent),
        "apparent" => Ok(Concurrency::Apparent),
        _ => Err(format!("'{text}' is not iterative, concurrent or apparent")),
    }
}
