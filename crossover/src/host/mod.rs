//! The machine that the program runs on: what it is, who runs on which core, and the signals that end
//! a run.

pub(crate) mod interrupt;
pub(crate) mod machine;
pub(crate) mod placement;
