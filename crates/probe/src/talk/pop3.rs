//! What a POP3 client says (RFC 1939, RFC 2449, RFC 2595).

use std::time::Instant;

use super::{Fault, Talk};

/// Most lines of one answer.
const LINES_LIMIT: usize = 1000;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `+OK`.
    pub ok: bool,
    /// The rest of its line.
    pub text: String,
    /// The lines after it, where there are some.
    pub lines: Vec<String>,
}

async fn answer(talk: &mut Talk, several: bool) -> Result<Answer, Fault> {
    let line = talk.line().await?;
    let (ok, text) = match (line.strip_prefix("+OK"), line.strip_prefix("-ERR")) {
        (Some(text), _) => (true, text),
        (_, Some(text)) => (false, text),
        _ => return Err(Fault::Garbage(format!("`{}` is no answer of POP3", line.chars().take(80).collect::<String>()))),
    };
    let mut answer = Answer { ok, text: text.trim().to_owned(), lines: Vec::new() };
    if !(several && ok) {
        return Ok(answer);
    }
    loop {
        let line = talk.line().await?;
        if line == "." {
            break;
        }
        answer.lines.push(line);
        if answer.lines.len() > LINES_LIMIT {
            return Err(Fault::Garbage(format!("an answer of more than {LINES_LIMIT} lines")));
        }
    }
    Ok(answer)
}

/// Reads the greeting.
pub async fn greeting(talk: &mut Talk) -> Result<Answer, Fault> {
    let started = Instant::now();
    let answer = answer(talk, false).await?;
    talk.took("greeting", started);
    talk.note("greeting", shown(&answer));
    Ok(answer)
}

/// Says a command and reads the answer; with `several`, the lines up to the dot. `question` stands in the transcript.
pub async fn command(talk: &mut Talk, step: &'static str, text: &str, question: &str, several: bool) -> Result<Answer, Fault> {
    let started = Instant::now();
    talk.send(format!("{text}\r\n").as_bytes()).await?;
    let answer = answer(talk, several).await?;
    talk.took(step, started);
    talk.note(question, shown(&answer));
    Ok(answer)
}

fn shown(answer: &Answer) -> String {
    let head = format!("{} {}", if answer.ok { "+OK" } else { "-ERR" }, answer.text);
    std::iter::once(head.as_str()).chain(answer.lines.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}
