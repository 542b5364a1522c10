//! Prints one JSON object a line of a file, with everything understood of it. For looking at a log line by line.
//!
//! `cargo run -p mailvane-parse --example records -- [records] [--mta postfix] FILE`

#![allow(clippy::print_stdout)]

use mailvane_model::word::Mta;
use mailvane_parse::{Body, Field, head, wrap};
use serde_json::{Map, Value};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "records").collect();
    let forced = arguments
        .iter()
        .position(|argument| argument == "--mta")
        .and_then(|at| arguments.get(at + 1))
        .and_then(|word| Mta::from_word(word));
    let Some(path) = arguments.last() else { return Ok(()) };
    let bytes = std::fs::read(path)?;
    let mut scratch = Vec::new();
    for (index, line) in bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n').enumerate() {
        let record = head::record_of(wrap::plain(line, &mut scratch), forced);
        let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).into_owned());
        let mut object = Map::new();
        object.insert("line".into(), Value::from(index + 1));
        object.insert("host".into(), text(record.host));
        object.insert("program".into(), text(record.program));
        object.insert("pid".into(), Value::from(record.pid));
        if let Body::Postfix(line) = record.body {
            object.insert("queue_id".into(), text(line.queue_id.unwrap_or_default()));
        }
        object.insert("record".into(), Value::from(record.kind()));
        record.visit(&mut |name, field| {
            let value = match field {
                Field::Text(bytes) => text(bytes),
                Field::Number(number) => Value::from(number),
                Field::Decimal(decimal) => Value::from(decimal),
            };
            object.insert(name.into(), value);
        });
        println!("{}", Value::Object(object));
    }
    Ok(())
}
