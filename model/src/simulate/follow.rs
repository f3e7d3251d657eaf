//! An open loop before a machine: requests come at their instants, whatever the server does.

use super::{Done, Job, Machine};

/// Follows requests with their instants, in ascending order, to the last answer. `answered` gets each
/// answer with the instant at which its request came, and `None` for a request that is lost because
/// there is no room. Requests are numbered anew.
pub fn follow(
    machine: &mut Machine,
    requests: impl IntoIterator<Item = (f64, Job)>,
    mut answered: impl FnMut(f64, Option<Done>),
) {
    // When the requests in progress came; a slot is used again once its request is answered.
    let mut came: Vec<f64> = Vec::new();
    let mut free: Vec<u64> = Vec::new();
    let mut done = Vec::new();
    for (at_ns, job) in requests {
        machine.advance(at_ns, &mut done);
        for it in done.drain(..) {
            free.push(it.job.id);
            answered(came[it.job.id as usize], Some(it));
        }
        let id = free.pop().unwrap_or_else(|| {
            came.push(at_ns);
            came.len() as u64 - 1
        });
        came[id as usize] = at_ns;
        if !machine.arrive(at_ns, Job { id, ..job }) {
            free.push(id);
            answered(at_ns, None);
        }
    }
    while let Some(next_ns) = machine.next_ns() {
        machine.advance(next_ns, &mut done);
        done.drain(..).for_each(|it| answered(came[it.job.id as usize], Some(it)));
    }
}
