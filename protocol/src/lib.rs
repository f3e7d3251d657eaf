//! What client and server agree on: the work a request carries, and how it looks on the wire.
//!
//! A request names its own processing ([`Work`]) and the size of the reply it wants. A server
//! therefore has no workload setting of its own, and every design runs exactly the same requests.
//! A reply carries the server's stamps ([`Reply`]), so that the time of one exchange can be split
//! into the network, the server's queue and the processing.
//!
//! Pure: no I/O, no clock. Both messages open with a header of [`HEADER_SIZE`] bytes, integers in
//! network byte order; what follows is padding up to the length that the header names. The two
//! headers are of one size so that the smallest reply is never larger than the smallest request:
//! a server of this protocol is no amplifier unless a request asks it to be.

mod message;
pub mod quantity;
pub mod text;
mod transport;
mod wire;

pub use message::{Refusal, Reply, Request, Work};
pub use transport::Transport;
pub use wire::{
    Decoded, Malformed, decode_reply, decode_request, encode_reply, encode_request, is_reply,
};

/// Bytes of the header that opens a request and a reply; also the size of the smallest message.
pub const HEADER_SIZE: usize = 64;

/// The largest message, request or reply, that the format allows: 16 MiB.
pub const MAX_MESSAGE_SIZE: usize = 16 << 20;

/// The largest message that fits in one UDP datagram over IPv4: 65,507 bytes.
pub const MAX_DATAGRAM_SIZE: usize = 65_507;
