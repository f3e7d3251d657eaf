//! Receiving datagrams: in batches, or with the kernel's control messages.

use std::io::IoSliceMut;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmmsg, recvmsg};
use nix::time::{ClockId, clock_gettime};

use super::{BATCH, BATCHES_IN_A_TURN, BUFFER_SIZE, Datagrams, UdpTransport};
use crate::driver::pacer::{Ready, monotonic_ns};
use crate::driver::{Event, Unreadable, What};
use crate::exchange::{Exchange, ReplyKind};

impl UdpTransport {
    /// Reads what has arrived on one socket. The poll reports readiness only once, so a socket that
    /// is not read empty is kept for the next wait.
    pub(super) fn receive(&mut self, client: u32, happened: &mut Vec<Event>) {
        for _ in 0..BATCHES_IN_A_TURN {
            if !self.receive_once(client, BATCH, happened) {
                return;
            }
        }
        let ready = Ready { socket: client as usize, readable: true, writable: false, ends: false };
        self.pacer.come_back_to(ready);
    }

    /// Spins on the sockets until something arrives or `until_ns` is reached.
    pub(super) fn receive_spinning(
        &mut self,
        mut now_ns: u64,
        until_ns: u64,
        in_flight: usize,
        happened: &mut Vec<Event>,
    ) {
        loop {
            self.pacer.tick(now_ns);
            for client in 0..self.settings.clients {
                for _ in 0..BATCHES_IN_A_TURN {
                    // When no more replies are expected, no call is needed to look for them.
                    let expected = in_flight.saturating_sub(happened.len()).min(BATCH);
                    if expected == 0 || !self.receive_once(client, expected, happened) {
                        break;
                    }
                }
            }
            if !happened.is_empty() {
                return;
            }
            now_ns = monotonic_ns();
            if now_ns >= until_ns {
                return;
            }
        }
    }

    /// Handles what one receive call returns; returns whether there may be more.
    fn receive_once(&mut self, client: u32, most: usize, happened: &mut Vec<Event>) -> bool {
        let has_notes = self.settings.kernel_stamps || self.settings.offload;
        let received = match has_notes {
            true => self.receive_noted(client, happened).map(|()| most),
            false => self.receive_batch(client, most, happened),
        };
        match received {
            Ok(count) => count == most,
            Err(Errno::EAGAIN) => false,
            Err(Errno::EINTR) => true,
            // An earlier datagram came back: no server listens there.
            Err(_) => {
                let at_ns = monotonic_ns();
                happened.push(Event { at_ns, id: None, client, what: What::Refused });
                true
            }
        }
    }

    /// Receives up to `most` datagrams in one call; returns how many. Fewer than `most` are all
    /// that had arrived.
    fn receive_batch(
        &mut self,
        client: u32,
        most: usize,
        happened: &mut Vec<Event>,
    ) -> nix::Result<usize> {
        let descriptor = self.sockets[client as usize].as_raw_fd();
        let mut buffers = self.incoming.chunks_exact_mut(BUFFER_SIZE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(buffers.next().unwrap_or_default())]);
        let received = recvmmsg(
            descriptor,
            &mut self.receive_headers,
            slices[..most].iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let at_ns = monotonic_ns();
        let mut lengths = [(0, None); BATCH];
        let mut count = 0;
        for (message, length) in received.zip(&mut lengths) {
            *length = (message.bytes, message.address);
            count += 1;
        }
        for (index, (length, address)) in lengths[..count].iter().enumerate() {
            let bytes = &self.incoming[index * BUFFER_SIZE..][..*length];
            let event = self.settings.event(client, at_ns, bytes, address.as_ref());
            note_unreadable(&mut self.unreadable, &self.settings.exchange, event.what, bytes);
            happened.push(event);
        }
        Ok(count)
    }

    /// Receives one datagram, or the GRO segments of one call, with their control messages.
    fn receive_noted(&mut self, client: u32, happened: &mut Vec<Event>) -> nix::Result<()> {
        let descriptor = self.sockets[client as usize].as_raw_fd();
        let mut slice = [IoSliceMut::new(&mut self.incoming[..BUFFER_SIZE])];
        let flags = MsgFlags::MSG_DONTWAIT;
        let control = Some(&mut self.control[..]);
        let message = recvmsg::<SockaddrStorage>(descriptor, &mut slice, control, flags)?;
        let at_ns = monotonic_ns();
        let (mut stamp, mut size) = (None, message.bytes);
        for note in message.cmsgs()? {
            match note {
                ControlMessageOwned::ScmTimestampsns(stamps) => {
                    stamp = Some(Duration::from(stamps.system));
                }
                ControlMessageOwned::UdpGroSegments(each) => size = each as usize,
                _ => {}
            }
        }
        let (length, address) = (message.bytes, message.address);
        let mut rest = &self.incoming[..length];
        loop {
            let (datagram, further) = rest.split_at(size.min(rest.len()));
            let event = self.settings.event(client, at_ns, datagram, address.as_ref());
            note_unreadable(&mut self.unreadable, &self.settings.exchange, event.what, datagram);
            if let (Some(stamp), true) = (stamp, event.id.is_some()) {
                // The kernel stamps by the calendar clock; the time elapsed is the same on both.
                let calendar = clock_gettime(ClockId::CLOCK_REALTIME).map_or(stamp, Duration::from);
                let ago_ns = calendar.saturating_sub(stamp).as_nanos() as u64;
                let at_ns = monotonic_ns().saturating_sub(ago_ns);
                happened.push(Event { at_ns, what: What::KernelStamp, ..event });
            }
            happened.push(event);
            rest = further;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Datagrams {
    /// The event that a datagram means; a datagram from another address is not a reply.
    fn event(
        &self,
        client: u32,
        at_ns: u64,
        bytes: &[u8],
        from: Option<&SockaddrStorage>,
    ) -> Event {
        if !self.connected && ip_of(from) != Some(self.target.ip()) {
            return Event { at_ns, id: Some(0), client, what: What::Unsolicited };
        }
        let (id, said) = self.exchange.datagram(bytes);
        let what = match (&self.exchange, said) {
            (Exchange::Echo, ReplyKind::Right) => What::Echoed(bytes.len() as u32),
            _ => said.into(),
        };
        Event { at_ns, id, client, what }
    }
}

/// Keeps the first datagram that is not a reply, to be shown.
fn note_unreadable(
    kept: &mut Option<Unreadable>,
    exchange: &Exchange,
    what: What,
    datagram: &[u8],
) {
    if matches!(what, What::Wrong) && kept.is_none() {
        *kept = Some(Unreadable::new(exchange.why_wrong(), datagram));
    }
}

fn ip_of(address: Option<&SockaddrStorage>) -> Option<IpAddr> {
    let address = address?;
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
