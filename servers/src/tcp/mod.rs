//! The connection-oriented designs, one per file. The code by which they talk with a client is in
//! `talk/`.

pub mod async_tasks;
pub mod delayed_allocation;
pub mod event_loop;
pub mod event_loop_pool;
pub mod event_loops;
pub mod iterative;
pub mod passed_descriptors;
pub mod poll_loop;
pub mod preforked;
pub mod preforked_locked;
pub mod prethreaded;
pub mod process_per_connection;
pub mod queued_threads;
pub mod thread_per_connection;
pub mod uring_loop;
pub mod work_stealing;
