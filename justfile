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

# How often the intervals of simulated benches contain the truth
coverage *arguments:
    cargo run --release -p trials --example coverage -- {{arguments}}

# Look for bytes that a reader cannot take, a minute for each; what is found is kept in fuzz/src/__fuzz__
fuzz seconds="60":
    command -v cargo-bolero > /dev/null || cargo install cargo-bolero --locked
    for target in http_reader other_readers frame_decoder scenario_check record_reader; do \
        cargo bolero test --package fuzz $target --sanitizer NONE -T {{seconds}}s || exit 1; \
    done

# Change the code of model and analysis here and there, and see that a test complains each time
mutants *arguments:
    command -v cargo-mutants > /dev/null || cargo install cargo-mutants --locked
    cargo mutants --package model --package analysis --output target --timeout 60 {{arguments}}

# Format, and look for what clippy finds
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# What CI runs
ci:
    bash .ci/run

# The advice beside what is measured, for twelve workloads: about twenty minutes
advice *arguments:
    cargo run --release -p trials --example advice -- {{arguments}}

# Sample reports and pictures for reports/gallery and servers/pictures: about five minutes
gallery:
    bash reports/gallery/make.sh
