//! Values as every answer writes them: times in UTC, ids in hexadecimal, absent is null.

use mailvane_metric::Rate;
use mailvane_metric::histogram::Percentiles;
use mailvane_model::{Address, Time};
use serde_json::{Value, json};

/// A moment.
pub(crate) fn moment(time: Time) -> Value {
    Value::String(time.rfc3339(0))
}

/// A moment that may be absent.
pub(crate) fn optional_moment(time: Option<Time>) -> Value {
    time.map_or(Value::Null, moment)
}

/// A string; empty is null.
pub(crate) fn text(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { Value::String(value.to_owned()) }
}

/// A number for which 0 means absent.
pub(crate) fn nonzero(value: u16) -> Value {
    if value == 0 { Value::Null } else { json!(value) }
}

/// An id; 0 is null.
pub(crate) fn id(value: u64) -> Value {
    if value == 0 { Value::Null } else { Value::String(format!("{value:016x}")) }
}

/// An address; unknown is null, the null sender `<>`.
pub(crate) fn address(value: Address<'_>) -> Value {
    if value.is_unknown() { Value::Null } else { Value::String(value.to_string()) }
}

/// Seconds out of milliseconds.
pub(crate) fn seconds(milliseconds: Option<u64>) -> Value {
    milliseconds.map_or(Value::Null, |value| json!(value as f64 / 1000.0))
}

/// A share with its sample size.
pub(crate) fn ratio(rate: Rate) -> Value {
    json!({"value": rate.value(), "numerator": rate.count, "n": rate.of})
}

/// Percentiles out of milliseconds.
pub(crate) fn percentiles(of: &Percentiles) -> Value {
    json!({
        "p50": seconds(of.p50),
        "p90": seconds(of.p90),
        "p95": seconds(of.p95),
        "p99": seconds(of.p99),
        "max": seconds(of.max),
        "n": of.count,
    })
}

/// Bytes that may be no UTF-8.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
