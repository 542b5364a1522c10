//! Prints a simulated log: `cargo run --release -p mailvane-simulate --example log -- MEGABYTES [SEED]`.

use std::io::Write;

use mailvane_simulate::{Host, Options};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let megabytes: u64 = arguments.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    let seed = arguments.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    let mut host = Host::new(Options { seed, ..Options::default() });
    let mut out = std::io::stdout().lock();
    let mut lines = Vec::with_capacity(1 << 20);
    while host.truth().bytes < megabytes * 1_000_000 && host.next_line(&mut lines).is_some() {
        if lines.len() > 1 << 19 {
            out.write_all(&lines)?;
            lines.clear();
        }
    }
    out.write_all(&lines)?;
    writeln!(std::io::stderr(), "{:#?}", host.truth())
}
