//! Room for so many clients: a counting semaphore for designs whose workers keep a queue of their
//! own. The master takes a seat before it takes a request, so the queue cannot grow beyond it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Seats for clients that are in the server but not yet done.
pub struct Room {
    free: Mutex<usize>,
    freed: Condvar,
}

/// One seat, given back when dropped.
pub struct Seat(Arc<Room>);

impl Room {
    /// A room with so many seats, at least one.
    #[must_use]
    pub fn new(seats: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(seats.max(1)), freed: Condvar::new() })
    }

    /// Takes a seat; waits for one where all are taken.
    #[must_use]
    pub fn seat(self: &Arc<Self>) -> Seat {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.freed.wait_while(free, |free| *free == 0);
        *taken.unwrap_or_else(PoisonError::into_inner) -= 1;
        Seat(Arc::clone(self))
    }
}

impl Drop for Seat {
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
        let room = Room::new(2);
        let (first, _second) = (room.seat(), room.seat());
        let waiting = thread::spawn({
            let room = Arc::clone(&room);
            move || drop(room.seat())
        });
        drop(first);
        waiting.join().expect("it got the seat");
    }
}
