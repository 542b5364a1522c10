//! One GET of HTTP/1.1, as far as a probe needs it: the status and the heads.

use std::time::Instant;

use super::{Fault, Talk};

/// Most head lines of one answer.
const HEADS_LIMIT: usize = 200;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The heads, names in lower case.
    pub heads: Vec<(String, String)>,
}

impl Answer {
    /// The value of a head.
    pub fn head(&self, name: &str) -> Option<&str> {
        self.heads.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks for a path.
pub async fn get(talk: &mut Talk, host: &str, path: &str) -> Result<Answer, Fault> {
    let started = Instant::now();
    let version = env!("CARGO_PKG_VERSION");
    let question = format!("GET {path} HTTP/1.1");
    let heads = format!("Host: {host}\r\nUser-Agent: mailvane/{version}\r\nAccept: */*\r\nConnection: close\r\n");
    talk.send(format!("{question}\r\n{heads}\r\n").as_bytes()).await?;
    let first = talk.line().await?;
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    let Some(status) = status else {
        return Err(Fault::Garbage(format!("`{}` is no answer of HTTP", first.chars().take(80).collect::<String>())));
    };
    let mut heads = Vec::new();
    let mut shown = first;
    loop {
        let line = talk.line().await?;
        if line.is_empty() {
            break;
        }
        if heads.len() >= HEADS_LIMIT {
            return Err(Fault::Garbage(format!("more than {HEADS_LIMIT} heads")));
        }
        if let Some((name, value)) = line.split_once(':') {
            heads.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        shown.push('\n');
        shown.push_str(&line);
    }
    talk.took("answer", started);
    talk.note(question, shown);
    Ok(Answer { status, heads })
}
