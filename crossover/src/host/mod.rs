//! The machine that the program runs on: its properties, the placement on its cores, its
//! processes, and the signals that end a run.

pub(crate) mod cgroup;
pub(crate) mod interrupt;
pub(crate) mod machine;
pub(crate) mod others;
pub(crate) mod placement;
pub(crate) mod process_tree;
