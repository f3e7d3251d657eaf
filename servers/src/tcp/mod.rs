//! The connection-oriented designs, and how a blocking worker talks with one client.

pub mod iterative;
pub mod process_per_connection;
pub mod thread_per_connection;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::clock::monotonic_ns;
use crate::context::Context;
use crate::service::{Conversation, Step};
use crate::worker::Worker;

/// Bytes asked for in one read.
const READ_SIZE: usize = 16 << 10;

/// Talks with one client until it closes, errs, or is silent for too long; then closes the
/// connection. Whatever goes wrong is this client's affair alone.
pub fn converse(mut connection: TcpStream, context: &Context, worker: Worker) {
    let _ = exchange(&mut connection, context, worker);
}

/// Accepts requests, processes them, replies: the inner loop of the classic algorithm.
fn exchange(connection: &mut TcpStream, context: &Context, worker: Worker) -> io::Result<()> {
    connection.set_read_timeout(Some(context.limits.idle))?;
    connection.set_write_timeout(Some(context.limits.idle))?;
    let mut conversation = Conversation::new(context.service, &context.limits);
    let mut buffer = [0; READ_SIZE];
    let mut reply = Vec::new();
    let mut ready_at_ns = 0;
    loop {
        match conversation.next_step() {
            Step::NeedMore => {
                let count = connection.read(&mut buffer)?;
                if count == 0 {
                    return Ok(());
                }
                ready_at_ns = monotonic_ns();
                conversation.received(&buffer[..count]);
            }
            Step::Job(job) => {
                let taken_up = context.take_up_at(ready_at_ns);
                context.perform(&job, conversation.input(), taken_up, worker, &mut reply);
                connection.write_all(&reply)?;
                if job.ends_conversation() {
                    return close_after_refusal(connection);
                }
                conversation.finished(&job);
                // A request that came in the same read is taken up only now.
                ready_at_ns = monotonic_ns();
            }
        }
    }
}

/// Closes so that the client can still read the refusal: bytes left unread would turn the close
/// into a reset and take the refusal with it. How much is read, and for how long, is bounded.
fn close_after_refusal(connection: &mut TcpStream) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_millis(50);
    const MOST_READS: usize = 64;
    connection.shutdown(Shutdown::Write)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let mut unread = [0; READ_SIZE];
    for _ in 0..MOST_READS {
        if connection.read(&mut unread)? == 0 {
            break;
        }
    }
    Ok(())
}
