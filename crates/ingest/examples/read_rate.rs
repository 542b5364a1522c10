//! Prints how fast blocks of whole lines come out of a file: `read_rate FILE...`.
#![allow(clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::time::Instant;

use mailvane_ingest::{Block, BlockReader, Input};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let started = Instant::now();
        let mut reader = BlockReader::new(Input::open(Path::new(&path))?, Path::new(&path));
        let mut block = Block::new();
        let (mut bytes, mut blocks) = (0_u64, 0_u64);
        while reader.fill(&mut block)? {
            bytes += block.bytes().len() as u64;
            blocks += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!("{path}: {bytes} bytes, {blocks} blocks, {:.2} GB/s", bytes as f64 / seconds / 1e9);
    }
    Ok(())
}
