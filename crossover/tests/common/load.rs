//! Runs `crossover load` from a test, reads its JSON and checks its counts.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::crossover;

/// A low rate, a short time, no warm-up: enough to see that everything is answered.
pub const SHORT: [&str; 6] = ["--for", "300ms", "--warmup", "0s", "--rate", "300/s"];

pub fn load(target: &str, arguments: &[&str]) -> Output {
    let mut command = crossover();
    command.args(["load", target]).args(arguments);
    command.output().expect("the program starts")
}

pub fn json(target: &str, arguments: &[&str]) -> Value {
    let output = load(target, &[arguments, &["--json"]].concat());
    parsed(&output)
}

pub fn parsed(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let count = |name: &str| value["counts"][name].as_u64().expect("a count");
    assert_eq!(count("planned"), count("sent") + count("unsent"));
    let ended = ["answered", "refused", "reset", "wrong", "timed_out", "in_flight"];
    assert_eq!(count("sent"), ended.iter().map(|name| count(name)).sum::<u64>());
    value
}

pub fn count(said: &Value, name: &str) -> u64 {
    said["counts"][name].as_u64().expect("a count")
}

pub fn has_doubt(said: &Value, name: &str) -> bool {
    let doubts = said["doubts"].as_array().expect("a list");
    doubts.iter().any(|doubt| doubt["doubt"] == name)
}

pub fn all_answered(said: &Value) {
    assert!(count(said, "planned") > 10, "{said}");
    assert_eq!(count(said, "answered"), count(said, "planned"), "{said}");
}

/// A step that is repeated beside a test until this is dropped.
pub struct Beside {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    pub fn run(mut step: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !seen.load(Relaxed) {
                step();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not panic");
        }
    }
}

/// Sends back what is received, until the stream ends.
pub fn echo(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}

/// Accepts every connection to a listener and serves each in a thread of its own, with its number
/// from 1.
pub fn streams(
    listener: io::Result<TcpListener>,
    serve: impl Fn(u64, TcpStream) + Send + Sync + 'static,
) -> (SocketAddr, Beside) {
    let listener = listener.expect("a socket");
    listener.set_nonblocking(true).expect("an option");
    let address = listener.local_addr().expect("bound");
    let (serve, mut number) = (Arc::new(serve), 0);
    let beside = Beside::run(move || match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(false).expect("an option");
            number += 1;
            let (serve, number) = (Arc::clone(&serve), number);
            thread::spawn(move || serve(number, stream));
        }
        Err(_) => thread::sleep(Duration::from_millis(1)),
    });
    (address, beside)
}

/// Reads request heads until the stream ends, and sends what `answer` returns for each, by its
/// number on this connection from 1; `None` ends the connection.
pub fn converse(mut stream: TcpStream, answer: impl Fn(u64) -> Option<Vec<u8>>) {
    let (mut held, mut bytes, mut number) = (Vec::new(), [0; 65_536], 0);
    loop {
        while let Some(at) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            held.drain(..at + 4);
            number += 1;
            match answer(number) {
                Some(reply) if stream.write_all(&reply).is_ok() => {}
                _ => return,
            }
        }
        match stream.read(&mut bytes) {
            Ok(length @ 1..) => held.extend_from_slice(&bytes[..length]),
            _ => return,
        }
    }
}

pub fn http(
    answer: impl Fn(u64, u64) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> (String, Beside) {
    let (address, beside) = streams(TcpListener::bind("127.0.0.1:0"), move |connection, stream| {
        converse(stream, |number| answer(connection, number));
    });
    (format!("http://{address}/"), beside)
}
