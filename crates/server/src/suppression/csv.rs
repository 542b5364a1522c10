//! The addresses to suppress as CSV (RFC 4180): what programs that send mail read.

use mailvane_model::Time;
use mailvane_reply::suppress::Decision;

use super::Made;

/// The head line.
const HEAD: &str = "address,ground,reason,provider,reply_code,enhanced_code,confidence,bounces,first,last,last_success,reply\r\n";

/// The list; times with their offset in minutes. Addresses that are held back, or not yet sure, are not in it.
pub(crate) fn csv(made: &Made, offset: &dyn Fn(Time) -> i32) -> String {
    let mut out = String::from(HEAD);
    let time = |time: Time| time.rfc3339(offset(time));
    for entry in &made.list.suppress {
        let ground = if let Decision::Suppress(ground) = entry.decision { ground.word() } else { "" };
        let code = if entry.reply_code == 0 { String::new() } else { entry.reply_code.to_string() };
        let success = entry.delivered_after.or(entry.delivered_before).map(time).unwrap_or_default();
        let fields = [
            entry.address.as_str(),
            ground,
            entry.reason.word(),
            &entry.provider,
            &code,
            &entry.enhanced_code,
            &entry.confidence.to_string(),
            &entry.bounces.to_string(),
            &time(entry.first),
            &time(entry.last),
            &success,
            &entry.reply,
        ];
        let line: Vec<String> = fields.into_iter().map(quoted).collect();
        out.push_str(&line.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A field, in quotes where it needs them. The words of another server must not become a formula in somebody's spreadsheet.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !field.contains(['"', ',', '\n', '\r']) {
        return field.to_owned();
    }
    format!("\"{}{}\"", if formula { "'" } else { "" }, field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
    }
}
