# One line each; `just` alone lists them.

default:
    @just --list --unsorted

# Measure this machine and write the report
bench *arguments:
    cargo run --release -- bench {{arguments}}

# Run all tests
test:
    cargo test --workspace

# Run one server: just serve udp-iterative
serve *arguments:
    cargo run --release -- serve {{arguments}}

# Write the report of a bench again
report run="reports/runs/latest":
    cargo run --release -- report {{run}}

# What the parts cost
microbench *arguments:
    cargo bench -p benches {{arguments}}

# Our designs against plain C programs, in turn
baselines *arguments:
    cargo run --release --example baselines -- --write {{arguments}}

# Queues on real sockets beside their theory
queues *arguments:
    cargo run --release --example queues -- --write {{arguments}}

# This generator beside wrk, oha and the others that are installed
peers *arguments:
    cargo run --release --example peers -- --write {{arguments}}

# Format, and look for what clippy finds
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# What CI runs
ci:
    bash .ci/run
