//! The connectionless designs, one per file. The code that receives and answers a datagram is in
//! `talk/datagram.rs`.

pub mod async_tasks;
pub mod delayed_allocation;
pub mod event_loop;
pub mod iterative;
pub mod preforked;
pub mod prethreaded;
pub mod process_per_request;
pub mod queued_threads;
pub mod session_workers;
pub mod sharded;
pub mod thread_per_request;
pub mod work_stealing;
