//! Feeds arbitrary bytes to the readers. A reader does not panic, uses no more bytes than there
//! are, and returns the same however the bytes are divided into pieces.
//!
//! `just fuzz` searches for such bytes, guided by coverage; the ordinary tests run over those that
//! are kept in `src/__fuzz__`.
#![cfg(test)]

use bolero::check;
use crossover::bench::scenario::Source;
use loadgen::exchange::{ExpectedReply, Reader, ReplyKind};
use loadgen::{Exchange, HttpRequest, RawReply, Template};
use protocol::{Decoded, decode_reply, decode_request, encode_reply, encode_request};
use results::parse_record;

/// What a reader returns for bytes that come in pieces of this length; the last item is `None` if
/// it gave up.
fn said(exchange: &Exchange, bytes: &[u8], piece: usize) -> Vec<Option<ReplyKind>> {
    let (mut reader, mut held, mut found) = (Reader::default(), Vec::new(), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        held.extend_from_slice(piece);
        loop {
            let owed = ExpectedReply { id: found.len() as u64 + 1, size: 16 };
            match reader.advance(exchange, &held, Some(owed)) {
                Err(_) => {
                    found.push(None);
                    return found;
                }
                Ok((used, said)) => {
                    assert!(used <= held.len(), "no more is used than there is");
                    held.drain(..used);
                    found.extend(said.map(Some));
                    if used == 0 || held.is_empty() {
                        break;
                    }
                }
            }
        }
    }
    found.extend(reader.ended(exchange).map(Some));
    found
}

fn agrees_in_pieces(exchange: &Exchange, bytes: &[u8]) {
    // The first byte chooses the length of the pieces.
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let whole = said(exchange, bytes, bytes.len());
    assert_eq!(whole, said(exchange, bytes, usize::from(*piece)), "cut by {piece}");
}

#[test]
fn http_reader() {
    let requests = ["GET", "HEAD"].map(|method| {
        let request = HttpRequest::new(method, "127.0.0.1", "/", &[], b"").expect("a request");
        Exchange::Http(request)
    });
    check!().for_each(|bytes| requests.iter().for_each(|it| agrees_in_pieces(it, bytes)));
}

#[test]
fn other_readers() {
    let raw = |reply| Exchange::Raw { request: Template::of(b"?"), reply };
    let exchanges = [
        Exchange::Work,
        Exchange::Echo,
        Exchange::Next,
        raw(RawReply::Length(7)),
        raw(RawReply::Delimiter(b"\r\n.\r\n".to_vec())),
    ];
    check!().for_each(|bytes| exchanges.iter().for_each(|it| agrees_in_pieces(it, bytes)));
}

#[test]
fn frame_decoder() {
    check!().for_each(|bytes| {
        if let Ok(Decoded::Complete { message, length }) = decode_request(bytes, 1 << 20) {
            let mut again = Vec::new();
            encode_request(&message, &mut again);
            assert_eq!(again.len(), length);
            assert_eq!(decode_request(&again, 1 << 20), Ok(Decoded::Complete { message, length }));
        }
        if let Ok(Decoded::Complete { message, length }) = decode_reply(bytes) {
            let mut again = Vec::new();
            encode_reply(&message, &mut again);
            assert_eq!(again.len(), length);
        }
    });
}

#[test]
fn scenario_check() {
    check!().for_each(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let source = Source { name: "fuzz".to_owned(), text: text.to_owned() };
        if let Ok(scenario) = source.parse() {
            let runs = crossover::bench::sweep::runs(&scenario).expect("it was checked");
            assert!(!runs.is_empty() && runs.len() <= 100_000);
        }
    });
}

#[test]
fn record_reader() {
    check!().for_each(|bytes| {
        if let Ok(record) = parse_record(bytes) {
            // A record that was read is written and read again unchanged.
            let line = serde_json::to_vec(&record).expect("a record is data");
            assert_eq!(parse_record(&line).expect("what was written"), record);
        }
    });
}
