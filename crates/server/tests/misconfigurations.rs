//! Each misconfiguration of records is found by its rule and by no other, on the real program, against the name server of the tests.
//! `cargo xtask bench misconfigurations` runs the same rows, and those about mail servers, against Knot, Unbound, Postfix and Dovecot.
#![cfg(feature = "active")]
#![allow(clippy::unwrap_used)]

mod misconfigured;
mod zone;

use std::path::Path;

use misconfigured::{Outcome, dns};

/// Programs that run at once.
const TOGETHER: usize = 4;

fn check(zone: zone::Zone, told: &[&str], folder: &Path) -> Outcome {
    let key = format!("s1={}", folder.join("dkim.key").display());
    let told: Vec<&str> = told.iter().map(|word| if *word == "s1=dkim.key" { key.as_str() } else { word }).collect();
    let mut words = dns::command(&[zone.serve().to_string()], &told);
    words.push("--offline-transport".to_owned());
    Outcome::of(Path::new(env!("CARGO_BIN_EXE_mailvane")), &words)
}

#[test]
fn the_clean_domain_has_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = check(dns::clean(), &[], folder.path());
    assert_eq!(outcome.differs(&[]), None);
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn each_misconfiguration_is_found_by_its_rule() {
    let folder = tempfile::tempdir().unwrap();
    dns::write_key(folder.path());
    let rows: Vec<_> = dns::rows().collect();
    let judge = |row: &misconfigured::Row<dns::Change>| {
        let outcome = check((row.change.zone)(dns::clean()), row.change.told, folder.path());
        Some(format!("{}: {}", row.name, outcome.differs(row.expected)?))
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = rows.chunks(rows.len().div_ceil(TOGETHER));
        let running: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().filter_map(|row| judge(row)).collect::<Vec<_>>())).collect();
        running.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// `MAILVANE_BLESS=1` writes the page.
#[test]
fn the_page_of_misconfigurations_is_that_of_the_rows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probe/MISCONFIGURATIONS.md");
    let page = misconfigured::list::page();
    if std::env::var_os("MAILVANE_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        page,
        "write it anew: MAILVANE_BLESS=1 cargo nextest run -E 'binary(misconfigurations)'"
    );
    let wanted = |row: &&str| !row.contains("nothing") && row.starts_with("| ") && row.contains('`');
    assert!(page.lines().filter(|line| wanted(line)).count() >= 60);
}
