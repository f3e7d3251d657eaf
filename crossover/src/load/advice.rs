//! Advice for a load that got other replies than it asked for, based on what the server sent.

use results::Measurement;

use crate::cli::{LoadArgs, Scheme};

/// First bytes of what servers send, and what these show about the server.
const SIGNS: [(&str, &str); 7] = [
    ("HTTP/2", "the server speaks HTTP/2 only, which crossover does not support"),
    ("HTTP/", "the server speaks HTTP; use an http:// target"),
    (
        "XOr1",
        "the server speaks the work protocol of crossover serve; use a tcp:// or udp:// target, \
              or start it with another service (--service http)",
    ),
    (r"\x15\x03", "the server speaks TLS, which crossover does not support; use its plain port"),
    (r"\x16\x03", "the server speaks TLS, which crossover does not support; use its plain port"),
    ("SSH-", "an SSH server listens there; give the port of the server to load"),
    ("220 ", "a mail or file server listens there; give the port of the server to load"),
];

/// The advice, if what the server sent shows the cause.
pub(crate) fn hint(arguments: &LoadArgs, measured: &Measurement) -> Option<String> {
    if measured.events.nobody_listens {
        return Some("is the server running, and does it listen there?".to_owned());
    }
    let status = measured
        .statuses_by_code
        .iter()
        .filter(|(_, its)| !its.right)
        .max_by_key(|(_, its)| its.times.count());
    if let Some((code, its)) = status {
        let all: u64 = measured.statuses_by_code.values().map(|one| one.times.count()).sum();
        return Some(format!(
            "{} of {all} replies had status {code}; request something that exists, or say with --ok \
             which statuses are right",
            its.times.count()
        ));
    }
    // A load that got answers speaks the server's protocol.
    if measured.counts.answered > 0 {
        return None;
    }
    let unreadable = measured.events.unreadable.as_ref()?;
    let is_http = arguments.target.scheme == Scheme::Http;
    let sign = SIGNS.iter().find(|(begin, _)| unreadable.bytes.starts_with(begin));
    Some(match sign {
        Some((begin, text)) if !(is_http && *begin == "HTTP/") => (*text).to_owned(),
        Some(_) => "its replies are not HTTP/1.1".to_owned(),
        None if is_http => {
            "the server does not speak HTTP; use a tcp:// target with --send and --reply-until"
                .to_owned()
        }
        None if arguments.send.is_some() => {
            "say where a reply ends, with --reply-until or --reply-length".to_owned()
        }
        None => "say what it speaks: --service echo, or --send with --reply-until".to_owned(),
    })
}
