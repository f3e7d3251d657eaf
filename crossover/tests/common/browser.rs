//! A page in a real browser.

use std::fs;
use std::process::Command;

use serde_json::Value;

/// The page as the browser has it after its scripts ran; `None`, with a printed reason, if there is no browser.
pub fn opened(html: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    fs::write(&page, html).expect("it can be written");
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]);
    command.args(["--disable-background-networking", "--virtual-time-budget=6000"]);
    command.arg("--window-size=1440,900");
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    let Ok(output) = command.arg(format!("file://{}", page.display())).output() else {
        println!("skipped: there is no chromium");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a script left in the element `found`, as JSON.
pub fn found(dom: &str) -> Value {
    let from = dom.find("<pre id=\"found\">").expect("the scripts ran to their end") + 16;
    let until = dom[from..].find("</pre>").expect("it is closed") + from;
    serde_json::from_str(&dom[from..until]).expect("JSON")
}
