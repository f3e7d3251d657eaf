//! What client and server agree on: the work that a request carries, and the format on the wire.
//!
//! A request names its own processing ([`Work`]) and the size of the reply it wants. A server
//! therefore has no workload setting of its own, and every design runs exactly the same requests.
//! A reply carries the server's stamps ([`Reply`]), so that the time of one exchange can be split
//! into the network, the server's queue and the processing.
//!
//! Pure: no I/O, no clock. Both messages start with a header of [`HEADER_SIZE`] bytes, with
//! integers in network byte order. Padding follows, up to the length that the header names. Both
//! headers have the same size so that the smallest reply is never larger than the smallest request:
//! a server of this protocol does not amplify unless a request asks for it.

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

/// Bytes of the header that starts a request and a reply; also the size of the smallest message.
pub const HEADER_SIZE: usize = 64;

/// The largest message, request or reply, that the format allows: 16 MiB.
pub const MAX_MESSAGE_SIZE: usize = 16 << 20;

/// The largest message that fits in one UDP datagram over IPv4: 65,507 bytes.
pub const MAX_DATAGRAM_SIZE: usize = 65_507;
