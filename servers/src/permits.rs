//! Permits for a bounded number of clients: a counting semaphore for designs whose workers keep
//! their own queue.
//!
//! The master takes a permit before it takes a request, so the queue cannot outgrow the permits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Permits for clients that the server has accepted and not yet finished.
pub struct Permits {
    free: Mutex<usize>,
    freed: Condvar,
}

/// One permit, released when dropped.
pub struct Permit(Arc<Permits>);

impl Permits {
    /// `count` permits, at least one.
    #[must_use]
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(count.max(1)), freed: Condvar::new() })
    }

    /// Takes a permit; waits for one if all are taken.
    #[must_use]
    pub fn permit(self: &Arc<Self>) -> Permit {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.freed.wait_while(free, |free| *free == 0);
        *taken.unwrap_or_else(PoisonError::into_inner) -= 1;
        Permit(Arc::clone(self))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_full_room_lets_the_next_in_when_one_leaves() {
        let permits = Permits::new(2);
        let (first, _second) = (permits.permit(), permits.permit());
        let waiting = thread::spawn({
            let permits = Arc::clone(&permits);
            move || drop(permits.permit())
        });
        drop(first);
        waiting.join().expect("it got the permit");
    }
}
