//! The page of a bench in a real browser: what its script does. Skipped, with the reason, where there is no Chromium.

mod common;

use std::fs;

use common::browser::{found, opened};
use common::crossover;
use serde_json::json;

const SCENARIO: &str = "title = \"Does the page work?\"\nseed = 3\nrepetitions = 6\n\
    [[experiment]]\nname = \"waiting\"\ndesigns = [\"udp-iterative\", \"udp-thread-per-request\"]\n\
    wait = [\"20us\", \"200us\", \"2ms\"]\narrivals = \"burst:8\"\nutilisation = 0.5\nrequests = 80\n\
    [[experiment]]\nname = \"load\"\nshows = [\"load\"]\n\
    designs = [\"udp-iterative\", \"udp-thread-per-request\"]\nwait = \"1ms\"\nrate = [\"100/s\", \"700/s\"]\nrequests = 200\n";

/// What the script of the test leaves after the page's own have run.
const LOOK: &str = "<script>setTimeout(async () => {
    const groups = (name) => [...document.querySelectorAll('figure g[data-series]')].filter((it) => it.dataset.series === name);
    const hidden = (name) => groups(name).filter((it) => it.style.display === 'none').length;
    const box = document.querySelector('#designs input[name=\"udp-iterative\"]');
    const figures = new Set(groups('udp-iterative').map((it) => it.closest('figure').id)).size;
    box.click();
    const off = [hidden('udp-iterative'), groups('udp-iterative').length, hidden('udp-thread-per-request')];
    box.click();
    const on = hidden('udp-iterative');
    const svg = document.querySelector('figure .wide svg');
    svg.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
    const value = document.getElementById('value');
    const outside = performance.getEntriesByType('resource').map((it) => it.name);
    const its = document.createElement('pre');
    its.id = 'found';
    its.textContent = JSON.stringify({ figures, off, on, value: value.textContent, shown: !value.hidden, errors, outside,
      links: [...document.querySelectorAll('nav a')].every((it) => document.querySelector(it.getAttribute('href'))) });
    document.body.append(its);
}, 500)</script>";

#[test]
fn designs_are_switched_in_all_figures_and_points_tell_their_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("page.toml");
    fs::write(&scenario, SCENARIO).expect("it can be written");
    let out = folder.path().join("out");
    let mut command = crossover();
    command.arg("simulate").arg(&scenario).args(["--cores", "2", "--costs", "typical", "--out"]);
    let made = command.arg(&out).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let page = fs::read_to_string(out.join("index.html")).expect("the page");
    let watch = "<body><script>const errors = []; addEventListener('error', (event) => errors.push(event.message));</script>";
    let Some(dom) = opened(&(page.replacen("<body>", watch, 1) + LOOK)) else { return };
    let found = found(&dom);
    assert_eq!((&found["errors"], &found["outside"]), (&json!([]), &json!([])), "{found}");
    assert!(found["figures"].as_u64() >= Some(3), "{found}");
    assert_eq!(found["off"][0], found["off"][1], "hidden everywhere: {found}");
    assert_eq!((&found["off"][2], &found["on"]), (&json!(0), &json!(0)), "{found}");
    let value = found["value"].as_str().expect("a text");
    assert!(value.contains("udp-") && value.contains("µs"), "{value}");
    assert_eq!((&found["shown"], &found["links"]), (&json!(true), &json!(true)), "{found}");
}
