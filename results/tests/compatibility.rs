//! Records of every version stay readable, newer ones are refused, and a cut last line loses only
//! itself.

use std::fs;
use std::path::{Path, PathBuf};

use results::{FORMAT, Journal, JournalError, Outcome, Parameter, TestbedKind, read_records};

fn fixture() -> PathBuf {
    of_version(1)
}

fn of_version(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/v{version}.jsonl"))
}

#[test]
fn records_of_version_1_are_read() {
    let reading = read_records(&fixture(), |record| record).expect("readable for ever");
    assert!(!reading.cut_short);
    let [record] = &reading.records[..] else { panic!("one record") };
    // It was converted to the current format.
    assert_eq!(record.format, FORMAT);
    assert_eq!((record.cell.axis(), record.cell.x()), (Some(Parameter::Rate), 1300.0));
    assert_eq!(record.cell.subject.full_label(), "UDP thread per request");
    assert!(record.placement().is_some_and(|placement| !placement.server_cores.is_empty()));
    let Outcome::Measured(measured) = &record.outcome else { panic!("measured") };
    assert!(measured.counts.balance());
    assert_eq!(measured.times.response_time.count(), measured.counts.answered);
    assert!(measured.server.as_ref().is_some_and(|server| server.processor_ns() > 0));
}

#[test]
fn there_is_a_record_of_every_version_and_each_is_read() {
    for version in 1..=FORMAT {
        let reading =
            read_records(&of_version(version), |record| record).expect("readable for ever");
        assert_eq!(reading.records.len(), 1, "version {version}");
        assert_eq!(reading.records[0].testbed, TestbedKind::Real);
    }
}

#[test]
fn what_is_written_is_read_again_and_never_rewritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("records.jsonl");
    let records = read_records(&fixture(), |record| record).expect("readable").records;
    for _ in 0..2 {
        Journal::open(&file).and_then(|mut journal| journal.append(&records[0])).expect("writable");
    }
    let again = read_records(&file, |record| record).expect("readable").records;
    assert_eq!(again, [records[0].clone(), records[0].clone()]);
}

#[test]
fn a_newer_format_is_refused_with_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("newer.jsonl");
    fs::write(&file, format!("{{\"format\":{},\"more\":1}}\n", FORMAT + 1)).expect("writable");
    let error = read_records(&file, |record| record).expect_err("it is newer");
    assert!(matches!(error, JournalError::Newer { line: 1, .. }), "{error}");
    assert!(error.to_string().contains("newer than this program's"));
}

#[test]
fn a_line_without_an_end_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cut.jsonl");
    let whole = fs::read_to_string(fixture()).expect("readable");
    fs::write(&file, format!("{whole}{}", &whole[..whole.len() / 2])).expect("writable");
    let reading = read_records(&file, |record| record).expect("the whole line is fine");
    assert!(reading.cut_short);
    assert_eq!(reading.records.len(), 1);
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.jsonl");
    let whole = fs::read_to_string(fixture()).expect("readable");
    fs::write(&file, format!("{whole}{{\"format\":1}}\n")).expect("writable");
    let error =
        read_records(&file, |record| record).expect_err("the second line is none").to_string();
    assert!(error.contains("line 2"), "{error}");
}
