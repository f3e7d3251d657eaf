//! The server of a load, as it is written on the command line (RFC 3986).

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use protocol::Transport;
use url::{ParseError, Url};

const FORMS: &str = "write udp://127.0.0.1:9000, tcp://127.0.0.1:9000 or http://127.0.0.1:9000/";

/// What stands before `://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// HTTP/1.1.
    Http,
}

impl Scheme {
    /// What carries it.
    #[must_use]
    pub fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp | Self::Http => Transport::Tcp,
        }
    }
}

/// A server's addresses with how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl {
    /// How to reach it.
    pub scheme: Scheme,
    /// Where it may be: a name can have several addresses, which are tried in this order. At least
    /// one.
    pub addresses: Vec<SocketAddr>,
    /// Name and port for the field Host; without the port where it is the usual one.
    pub host: String,
    /// Path and query, in ASCII; of `http://` only.
    pub path: String,
    /// The value of the field Authorization, where the target names a user (RFC 7617).
    pub authorization: Option<String>,
}

impl FromStr for TargetUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| not_a_url(text, error))?;
        let scheme = match (url.scheme(), text.contains("://")) {
            ("udp", true) => Scheme::Udp,
            ("tcp", true) => Scheme::Tcp,
            ("http", true) => Scheme::Http,
            (other, _) => return Err(unknown_scheme(other, text)),
        };
        let name = url.host_str().filter(|name| !name.is_empty()).ok_or(FORMS)?;
        let port = url
            .port_or_known_default()
            .ok_or_else(|| format!("'{text}' names no port; {FORMS}"))?;
        if port == 0 {
            return Err("no server listens on port 0; give the server's port".to_owned());
        }
        let beyond = !matches!(url.path(), "" | "/") || url.query().is_some();
        if scheme != Scheme::Http && (beyond || url.username() != "" || url.password().is_some()) {
            return Err(format!("udp:// and tcp:// have an address and a port only; {FORMS}"));
        }
        Ok(Self {
            scheme,
            addresses: resolved(name, port)?,
            host: match url.port() {
                Some(port) => format!("{name}:{port}"),
                None => name.to_owned(),
            },
            path: with_placeholders(match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            }),
            authorization: authorization(&url),
        })
    }
}

/// A path in which the placeholders of demands have their braces again: a URL has none in its path.
fn with_placeholders(path: String) -> String {
    loadgen::exchange::PLACEHOLDERS.iter().fold(path, |path, name| {
        let encoded = name.replace('{', "%7B").replace('}', "%7D");
        path.replace(&encoded, name)
    })
}

fn not_a_url(text: &str, error: ParseError) -> String {
    match error {
        ParseError::InvalidPort => {
            format!("'{text}' has no valid port; ports are 1 to 65535")
        }
        ParseError::RelativeUrlWithoutBase => FORMS.to_owned(),
        other => format!("'{text}' is not a URL: {other}; {FORMS}"),
    }
}

fn unknown_scheme(scheme: &str, text: &str) -> String {
    match scheme {
        "https" => "https:// is not spoken here, as there is no TLS; load the server's plain \
                    http:// port, or a proxy's that speaks TLS to it"
            .to_owned(),
        "unix" => "Unix sockets are not supported; let the server listen on a port of \
                   127.0.0.1"
            .to_owned(),
        "ws" | "wss" | "grpc" | "h2" | "h2c" => {
            format!("{scheme}:// is not spoken here; {FORMS}")
        }
        _ if !text.contains("://") => format!("'{text}' does not say how to speak to it; {FORMS}"),
        other => format!("{other}:// is not known; {FORMS}"),
    }
}

/// All addresses that a name stands for, each once, in the system's order of preference.
fn resolved(name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let nowhere = |why: String| format!("'{name}:{port}' cannot be resolved: {why}; {FORMS}");
    let found = (bare, port).to_socket_addrs().map_err(|error| nowhere(error.to_string()))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(nowhere("it has no address".to_owned())) } else { Ok(addresses) }
}

fn authorization(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = percent_decode_str(url.username());
    let password = percent_decode_str(url.password().unwrap_or_default());
    let both: Vec<u8> = user.chain(*b":").chain(password).collect();
    Some(format!("Basic {}", BASE64.encode(both)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> TargetUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_target_needs_transport_address_and_port() {
        assert_eq!(target("udp://127.0.0.1:9000").addresses[0].port(), 9000);
        assert_eq!(target("tcp://[::1]:9000").addresses, ["[::1]:9000".parse().expect("one")]);
        for (text, said) in [
            ("127.0.0.1:9000", "udp://"),
            ("localhost:9000", "how to speak"),
            ("udp://127.0.0.1", "port"),
            ("tcp://127.0.0.1:0", "port 0"),
            ("tcp://127.0.0.1:70000", "65535"),
            ("tcp://127.0.0.1:80/path", "only"),
            ("tcp://user@127.0.0.1:80", "only"),
            ("https://127.0.0.1/", "TLS"),
            ("unix:///tmp/socket", "127.0.0.1"),
            ("http://", "udp://"),
            ("http://no such host/", "not a URL"),
            ("http://no-such-host.invalid/", "cannot be resolved"),
        ] {
            let error = text.parse::<TargetUrl>().expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn urls_are_read_as_other_clients_read_them() {
        for (text, host, path) in [
            ("http://127.0.0.1:8080/a?b=c", "127.0.0.1:8080", "/a?b=c"),
            ("http://127.0.0.1", "127.0.0.1", "/"),
            ("http://127.0.0.1:80/", "127.0.0.1", "/"),
            ("HTTP://127.0.0.1:81/A", "127.0.0.1:81", "/A"),
            ("http://127.0.0.1:81?x=1", "127.0.0.1:81", "/?x=1"),
            ("http://127.0.0.1:81/a/../b#part", "127.0.0.1:81", "/b"),
            ("http://127.0.0.1:81/\u{e4} b?\u{f6}", "127.0.0.1:81", "/%C3%A4%20b?%C3%B6"),
            ("http://[::1]:81/", "[::1]:81", "/"),
            ("http://LOCALHOST:81/", "localhost:81", "/"),
            (
                "http://[::1]:81/{wait_us}/{x}?c={compute_us}",
                "[::1]:81",
                "/{wait_us}/%7Bx%7D?c={compute_us}",
            ),
        ] {
            let target = target(text);
            assert_eq!((target.host.as_str(), target.path.as_str()), (host, path), "{text}");
            assert_eq!(target.authorization, None);
        }
        let with_user = |text| target(text).authorization;
        let expected = Some("Basic dXNlcjpwdw==".to_owned());
        assert_eq!(with_user("http://user:pw@127.0.0.1:1/"), expected);
        assert_eq!(with_user("http://us%65r:pw@127.0.0.1:1/"), expected);
        assert_eq!(with_user("http://user@127.0.0.1:1/"), Some("Basic dXNlcjo=".to_owned()));
    }
}
