//! Names the provider of each host on standard input, one a line.
#![allow(clippy::print_stdout)]

use std::io::BufRead;

use mailvane_reply::provider::Providers;

fn main() -> std::io::Result<()> {
    let providers = Providers::embedded();
    for line in std::io::stdin().lock().lines() {
        println!("{}", providers.of_host(&line?));
    }
    Ok(())
}
