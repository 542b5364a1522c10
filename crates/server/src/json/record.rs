//! Records as JSON: what was understood of a line. The raw line stands in it only when asked for.

use mailvane_parse::fields::Field;

use super::object::{self, Object};
use crate::pipeline::files::Seen;

/// Writes the object of a line.
pub(crate) fn record(out: &mut Vec<u8>, seen: &Seen<'_>, source: &str, raw: bool) {
    let record = seen.record;
    let mut object = Object::open(out);
    object
        .number("line", seen.number)
        .time("time", seen.time, seen.offset_minutes)
        .text("source", source)
        .bytes("host", record.host)
        .bytes("program", record.program)
        .optional("pid", record.pid)
        .bytes("queue_id", record.queue_id())
        .string("record", record.kind());
    let mut fields = Vec::new();
    record.visit(&mut |name, field| fields.push((name, owned(&field))));
    for (name, value) in &fields {
        match value {
            Value::Text(text) => object.text(name, text),
            Value::Number(number) => object.number(name, *number),
            Value::Decimal(decimal) => object.decimal(name, *decimal),
            Value::Texts(texts) => object.value(name, |out| list(out, texts)),
        };
    }
    if raw {
        object.bytes("raw", seen.line);
    }
    object.close();
}

enum Value {
    Text(String),
    Number(i64),
    Decimal(f64),
    Texts(Vec<String>),
}

fn list(out: &mut Vec<u8>, texts: &[String]) {
    out.push(b'[');
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        object::string(out, text);
    }
    out.push(b']');
}

fn owned(field: &Field<'_>) -> Value {
    match field {
        Field::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        Field::Number(number) => Value::Number(*number),
        Field::Decimal(decimal) => Value::Decimal(*decimal),
        Field::Words(texts) => Value::Texts(
            texts
                .split(|byte| *byte == b' ')
                .filter(|text| !text.is_empty())
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .collect(),
        ),
        Field::Texts(texts) => Value::Texts(texts.into_iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()),
    }
}
