//! Every misconfiguration of the table against real servers: Knot with signed zones, Unbound, Postfix, Dovecot, and a web server of our own.
//! `cargo xtask bench misconfigurations` runs it, in a network of its own with the addresses it needs. Needs root and Debian's packages knot,
//! knot-dnssecutils, unbound, postfix, dovecot-imapd and dovecot-pop3d.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod certificates;
mod mailboxes;
mod name_servers;
mod website;
mod world;

#[path = "../../tests/misconfigured/mod.rs"]
mod misconfigured;
#[path = "../../tests/postfix/mod.rs"]
mod postfix;
#[path = "../../tests/zone/mod.rs"]
mod zone;

use std::collections::BTreeMap;
use std::time::Instant;

use misconfigured::{Outcome, dns, servers, signed};
use world::World;

/// What came out.
#[derive(Default)]
struct Tally {
    /// Rows that were run, and those as wanted.
    rows: BTreeMap<&'static str, (usize, usize)>,
}

impl Tally {
    fn take(&mut self, part: &'static str, name: &str, differs: Option<String>) {
        let (run, fine) = self.rows.entry(part).or_default();
        *run += 1;
        match differs {
            None => *fine += 1,
            Some(why) => println!("  NOT AS WANTED: {name}: {why}"),
        }
    }

    fn told(&self) -> bool {
        for (part, (run, fine)) in &self.rows {
            println!("{part}: {fine} of {run} as wanted");
        }
        self.rows.values().all(|(run, fine)| run == fine)
    }
}

fn main() {
    if std::net::TcpListener::bind("192.0.2.10:0").is_err() {
        println!("run it by `cargo xtask bench misconfigurations`: it makes the network that this needs");
        std::process::exit(2);
    }
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word.as_str()));
    let begun = Instant::now();
    let folder = std::env::temp_dir().join(format!("mailvane-misconfigurations-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut world = World::new(&folder);
    let mut tally = Tally::default();
    let look = |world: &World, told: &[&str]| {
        let told: Vec<String> = told.iter().map(|word| word.replace("s1=dkim.key", &format!("s1={}/dkim.key", folder.display()))).collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        Outcome::of(&world.program, &[world.checked(&told), vec!["--offline-transport".to_owned()]].concat())
    };
    world.serve_zone(dns::clean(), None);
    tally.take("clean zone", "the clean zone", look(&world, &[]).differs(&[]));
    for row in dns::rows().filter(|row| wanted(row.name)) {
        world.serve_zone((row.change.zone)(dns::clean()), None);
        tally.take("records", row.name, look(&world, row.change.told).differs(row.expected));
    }
    for row in signed::ROWS.iter().filter(|row| wanted(row.name)) {
        world.serve_zone(dns::clean(), Some(row.change));
        // What else cannot be seen in a broken zone is unknown: the rules wanted are those of signatures.
        tally.take("signatures", row.name, look(&world, &[]).differs(row.expected));
    }
    for (part, rows) in [("clean servers", servers::CLEAN_ROWS), ("servers", servers::ROWS)] {
        for row in rows.iter().filter(|row| wanted(row.name)) {
            world.serve(&row.change);
            let outcome = Outcome::of(&world.program, &world.probed(row.change.command));
            tally.take(part, row.name, outcome.differs(row.expected));
        }
    }
    drop(world);
    let fine = tally.told();
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    if !fine {
        println!("logs and settings: {}", folder.display());
        std::process::exit(1);
    }
    drop(std::fs::remove_dir_all(&folder));
}
