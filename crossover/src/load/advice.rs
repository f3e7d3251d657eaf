//! What helps a load that got other answers than it asked for, by what came.

use results::Measurement;

use crate::cli::{LoadArgs, Scheme};

/// Beginnings of what servers send, and what they tell about the server.
const SIGNS: [(&str, &str); 7] = [
    ("HTTP/2", "the server speaks HTTP/2 only, which is not spoken here"),
    ("HTTP/", "the server speaks HTTP; load it by http://"),
    (
        "XOr1",
        "the server speaks the work protocol of crossover serve; load it by tcp:// or udp://, \
              or have it serve another one (--service http)",
    ),
    (r"\x15\x03", "the server speaks TLS, which is not spoken here; load its plain port"),
    (r"\x16\x03", "the server speaks TLS, which is not spoken here; load its plain port"),
    ("SSH-", "an SSH server listens there; give the port of the server that is meant"),
    ("220 ", "a mail or file server listens there; give the port of the server that is meant"),
];

/// What would help, where what came tells it.
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
            "{} of {all} replies had status {code}; ask for something that is there, or say by --ok \
             which statuses are right",
            its.times.count()
        ));
    }
    // Who was answered speaks what the server does.
    if measured.counts.answered > 0 {
        return None;
    }
    let unreadable = measured.events.unreadable.as_ref()?;
    let is_http = arguments.target.scheme == Scheme::Http;
    let sign = SIGNS.iter().find(|(begin, _)| unreadable.bytes.starts_with(begin));
    Some(match sign {
        Some((begin, text)) if !(is_http && *begin == "HTTP/") => (*text).to_owned(),
        Some(_) => "its replies are not those of HTTP/1.1".to_owned(),
        None if is_http => {
            "the server does not speak HTTP; load it by tcp:// with --send and --reply-until"
                .to_owned()
        }
        None if arguments.send.is_some() => {
            "say where its replies end, by --reply-until or --reply-length".to_owned()
        }
        None => "say what it speaks: --service echo, or --send with --reply-until".to_owned(),
    })
}
