//! What the headers of the message tell: who took it on and when (Received), what was made of it (Authentication-Results), who signed.

use chrono::DateTime;

/// Received headers that are read.
const HOPS_LIMIT: usize = 30;

/// A leg of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The server at its end.
    pub by: String,
    /// Seconds since the leg before; below zero when clocks differ.
    pub seconds: i64,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The legs, in the order of the way.
    pub legs: Vec<Leg>,
    /// Method and result of the uppermost Authentication-Results, in lower case.
    pub results: Vec<(String, String)>,
    /// Domain and selector of each DKIM signature.
    pub signatures: Vec<(String, String)>,
}

/// Reads the headers of a message.
pub fn read(text: &str) -> Heads {
    let mut heads = Heads::default();
    let mut times: Vec<(String, i64)> = Vec::new();
    for (name, value) in unfolded(text) {
        match name.to_ascii_lowercase().as_str() {
            "received" if times.len() < HOPS_LIMIT => times.extend(received(&value)),
            // The uppermost is that of the last server, which is the one to be believed.
            "authentication-results" if heads.results.is_empty() => heads.results = results(&value),
            "dkim-signature" => heads.signatures.extend(signature(&value)),
            _ => {}
        }
    }
    times.reverse();
    let mut before = None;
    for (by, time) in times {
        heads.legs.push(Leg { by, seconds: before.map_or(0, |before| time - before) });
        before = Some(time);
    }
    heads
}

/// Header fields with their lines joined (RFC 5322 section 2.2.3).
fn unfolded(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

fn received(value: &str) -> Option<(String, i64)> {
    let (what, date) = value.rsplit_once(';')?;
    // A comment after the date (`(CET)`) is not part of it.
    let date = date.split('(').next().unwrap_or(date).trim();
    let time = DateTime::parse_from_rfc2822(date).ok()?.timestamp();
    let by = what.split_whitespace().skip_while(|word| *word != "by").nth(1).unwrap_or("?");
    Some((by.to_owned(), time))
}

fn results(value: &str) -> Vec<(String, String)> {
    let parts = value.split(';').skip(1);
    let pairs = parts.filter_map(|part| part.split_whitespace().next()?.split_once('='));
    pairs.map(|(method, result)| (method.to_ascii_lowercase(), result.to_ascii_lowercase())).collect()
}

fn signature(value: &str) -> Option<(String, String)> {
    let tag = |name: &str| {
        value
            .split(';')
            .find_map(|part| part.trim().strip_prefix(name)?.trim_start().strip_prefix('=').map(|value| value.trim().to_owned()))
    };
    Some((tag("d")?, tag("s")?))
}
