//! Records as JSON: what was understood of a line. The raw line stands in it only when asked for.

use mailvane_parse::Body;
use mailvane_parse::fields::Field;

use super::object::Object;
use crate::pipeline::files::Seen;

/// Writes the object of a line.
pub(crate) fn record(out: &mut Vec<u8>, seen: &Seen<'_>, source: &str, raw: bool) {
    let record = seen.record;
    let queue_id = match &record.body {
        Body::Postfix(line) => line.queue_id.unwrap_or_default(),
        _ => b"",
    };
    let mut object = Object::open(out);
    object
        .number("line", seen.number)
        .time("time", seen.time, seen.offset_minutes)
        .text("source", source)
        .bytes("host", record.host)
        .bytes("program", record.program)
        .optional("pid", record.pid)
        .bytes("queue_id", queue_id)
        .string("record", record.kind());
    let mut fields = Vec::new();
    record.visit(&mut |name, field| fields.push((name, owned(&field))));
    for (name, value) in &fields {
        match value {
            Value::Text(text) => object.text(name, text),
            Value::Number(number) => object.number(name, *number),
            Value::Decimal(decimal) => object.decimal(name, *decimal),
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
}

fn owned(field: &Field<'_>) -> Value {
    match field {
        Field::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        Field::Number(number) => Value::Number(*number),
        Field::Decimal(decimal) => Value::Decimal(*decimal),
    }
}
