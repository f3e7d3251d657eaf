//! One suite over every design of the catalogue, with real processes. No timing is asserted.

mod common;

use std::thread;
use std::time::Duration;

use common::{Client, Server, request};
use protocol::{HEADER_SIZE, Refusal, Request, Work};
use servers::Design;

fn each_design(test: impl Fn(&'static Design)) {
    common::designs_that_run_here().into_iter().for_each(test);
}

#[test]
fn every_design_does_the_work_and_tells_what_it_did() {
    each_design(|design| {
        let server = Server::start(design.name, &[]);
        let work = Work { wait: Duration::from_millis(2), compute: Duration::from_micros(500) };
        for id in 1..=5 {
            let mut client = Client::new(design, server.address);
            let asked = Request { id, work, request_size: 100, reply_size: 64 };
            let reply = client.ask(&asked);
            assert_eq!((reply.id, reply.refusal), (id, None), "{design:?}");
            assert_eq!(reply.received_so_far, id, "{design:?}");
            assert!(reply.waited >= work.wait, "{design:?}: {reply:?}");
            assert!(reply.computed >= work.compute * 99 / 100, "{design:?}: {reply:?}");
            assert!(reply.finished_ns > reply.taken_up_ns, "{design:?}");
        }
        let (closing, status) = server.stop();
        assert_eq!(status.code(), Some(0), "{design:?}");
        assert_eq!(closing["design"], design.name);
        assert_eq!((&closing["received"], &closing["answered"]), (&5.into(), &5.into()));
        let by_worker: u64 =
            closing["per_worker"].as_array().into_iter().flatten().filter_map(|n| n.as_u64()).sum();
        assert_eq!(by_worker, 5, "{design:?}");
        let used = ["user_ns", "system_ns", "children_user_ns", "children_system_ns"]
            .map(|key| closing[key].as_u64().unwrap_or_else(|| panic!("{key} is missing")));
        assert!(used.iter().sum::<u64>() >= 2_000_000, "5 × 0.5 ms of computing: {used:?}");
    });
}

#[test]
fn every_design_echoes() {
    each_design(|design| {
        let server = Server::start(design.name, &["--service", "echo"]);
        let mut client = Client::new(design, server.address);
        for text in ["hello", "RFC 862"] {
            client.send(text.as_bytes());
            assert_eq!(client.receive(text.len()), text.as_bytes(), "{design:?}");
        }
    });
}

#[test]
fn what_is_beyond_a_bound_is_refused_with_a_reply_and_the_server_lives() {
    each_design(|design| {
        let flags = ["--max-wait", "1s", "--max-reply", "1KiB", "--max-request", "4KiB"];
        let server = Server::start(design.name, &flags);
        let too_long = request(7, Duration::from_secs(2));
        let too_large = Request { reply_size: 2000, ..request(8, Duration::ZERO) };
        for (asked, expected) in [(too_long, Refusal::TooMuchWork), (too_large, Refusal::TooLarge)]
        {
            let mut client = Client::new(design, server.address);
            let reply = client.ask(&asked);
            assert_eq!((reply.id, reply.refusal), (asked.id, Some(expected)), "{design:?}");
        }
        let oversize = [b"XOq1".as_slice(), &5000_u32.to_be_bytes(), &[0; 4992]].concat();
        for (bytes, expected) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Refusal::Malformed),
            (oversize, Refusal::TooLarge),
        ] {
            let mut client = Client::new(design, server.address);
            client.send(&bytes);
            assert_eq!(client.reply(HEADER_SIZE).refusal, Some(expected), "{design:?}");
        }
        let mut client = Client::new(design, server.address);
        assert_eq!(client.ask(&request(9, Duration::ZERO)).refusal, None, "{design:?}");
        drop(client);
        let (closing, _) = server.stop();
        assert_eq!((&closing["refused"], &closing["answered"]), (&4.into(), &1.into()));
    });
}

#[test]
fn a_server_at_its_bound_takes_no_more_than_its_places_and_loses_nothing() {
    each_design(|design| {
        let server = Server::start(design.name, &["--workers", "2"]);
        let address = server.address;
        let clients: Vec<_> = (0..6)
            .map(|id| {
                thread::spawn(move || {
                    let mut client = Client::new(design, address);
                    client.ask(&request(id, Duration::from_millis(20)))
                })
            })
            .collect();
        for client in clients {
            let reply = client.join().expect("an answer");
            assert!(reply.worker < 2, "{design:?}: {reply:?}");
        }
    });
}
