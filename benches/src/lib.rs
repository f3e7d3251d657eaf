//! Micro-benchmarks only, in `benches/`; this crate exports nothing.
