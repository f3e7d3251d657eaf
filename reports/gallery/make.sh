#!/usr/bin/env bash
# Makes everything in this folder and in servers/pictures with the program itself, on this machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --locked
crossover=$PWD/target/release/crossover
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
gallery=$PWD/reports/gallery

"$crossover" bench quick --out "$made/quick"
rm -rf "$gallery/quick"
mkdir -p "$gallery/quick"
# The records are large, and anybody's own are better.
cp -r "$made/quick/index.html" "$made/quick/figures" "$made/quick/answers.json" "$made/quick/scenario.toml" "$gallery/quick/"
cp "$made/quick/figures/burst-waiting.png" "$gallery/"

"$crossover" explain --out "$gallery/six-servers.html"

coproc SERVER { exec "$crossover" serve tcp-event-loop --service http --lifetime 300s --cores 1; }
read -r opening <&"${SERVER[0]}"
address=$(grep -oE '127\.0\.0\.1:[0-9]+' <<< "$opening" | head -n 1)
"$crossover" load "http://$address/?wait=1ms&compute=100us" --clients 64 --cores 0 --curve --for 3s --report "$gallery/curve"
"$crossover" load "http://$address/?wait=1ms&compute=100us" --clients 64 --cores 0 --rate 2000/s --for 5s --report "$gallery/load"
kill "$SERVER_PID"

mkdir -p servers/pictures
for design in udp-iterative udp-thread-per-request tcp-process-per-connection udp-prethreaded tcp-event-loop; do
    "$crossover" trace "$design" --out "servers/pictures/$design.svg"
done
