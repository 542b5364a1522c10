//! What an IMAP client says (RFC 9051, RFC 3501), as far as a probe needs it.

use std::time::Instant;

use super::{Fault, Talk};

/// Most untagged answers to one command.
const ANSWERS_LIMIT: usize = 10_000;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// Refused.
    No,
    /// Not understood.
    Bad,
}

/// What came back to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub status: Status,
    /// The text of the last line.
    pub text: String,
    /// The answers before it, without `* `; literals are where they stood, after their line.
    pub untagged: Vec<String>,
}

/// Reads the greeting: `OK`, `PREAUTH` or `BYE`, and its text.
pub async fn greeting(talk: &mut Talk) -> Result<(String, String), Fault> {
    let started = Instant::now();
    let line = talk.line().await?;
    talk.took("greeting", started);
    talk.note("greeting", line.clone());
    let rest = line.strip_prefix("* ").ok_or_else(|| Fault::Garbage(format!("`{}` is no greeting of IMAP", head(&line))))?;
    let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
    Ok((word.to_ascii_uppercase(), text.to_owned()))
}

/// Says a command and reads until its end. `shown` stands in the transcript, so that a password does not.
pub async fn command(talk: &mut Talk, step: &'static str, text: &str, shown: &str) -> Result<Answer, Fault> {
    let started = Instant::now();
    let tag = format!("m{}", talk.steps.len());
    talk.send(format!("{tag} {text}\r\n").as_bytes()).await?;
    let mut untagged = Vec::new();
    let answer = loop {
        let line = whole(talk).await?;
        if let Some(rest) = line.strip_prefix(&format!("{tag} ")) {
            let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = match word.to_ascii_uppercase().as_str() {
                "OK" => Status::Ok,
                "NO" => Status::No,
                "BAD" => Status::Bad,
                _ => return Err(Fault::Garbage(format!("`{}` is no answer of IMAP", head(&line)))),
            };
            break Answer { status, text: text.to_owned(), untagged };
        }
        let Some(rest) = line.strip_prefix("* ") else {
            return Err(Fault::Garbage(format!("`{}` is no answer of IMAP", head(&line))));
        };
        untagged.push(rest.to_owned());
        if untagged.len() > ANSWERS_LIMIT {
            return Err(Fault::Garbage(format!("more than {ANSWERS_LIMIT} answers to one command")));
        }
    };
    talk.took(step, started);
    let said = answer.untagged.iter().map(|line| format!("* {line}\n")).collect::<String>();
    talk.note(shown, format!("{said}{:?} {}", answer.status, answer.text));
    Ok(answer)
}

/// A line with the literals that are announced at its end (`{12}`), joined by newlines.
async fn whole(talk: &mut Talk) -> Result<String, Fault> {
    let mut line = talk.line().await?;
    while let Some(count) = literal(&line) {
        let bytes = talk.exactly(count).await?;
        line.push('\n');
        line.push_str(&String::from_utf8_lossy(&bytes));
        line.push_str(&talk.line().await?);
    }
    Ok(line)
}

fn literal(line: &str) -> Option<usize> {
    let last = line.rsplit('\n').next().unwrap_or(line);
    last.strip_suffix('}')?.rsplit_once('{')?.1.trim_end_matches('+').parse().ok()
}

/// A string as IMAP quotes it. Control characters cannot be quoted and are left out.
pub fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .filter(|letter| !letter.is_control())
        .flat_map(|letter| matches!(letter, '"' | '\\').then_some('\\').into_iter().chain([letter]))
        .collect();
    format!("\"{escaped}\"")
}

/// The words of the capability list in an answer or greeting, in capitals.
pub fn capabilities(lines: &[String]) -> Vec<String> {
    let list = lines.iter().find_map(|line| {
        let upper = line.to_ascii_uppercase();
        let at = upper.find("CAPABILITY ")?;
        let rest = &upper[at + "CAPABILITY ".len()..];
        Some(rest.split(']').next().unwrap_or(rest).split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    });
    list.unwrap_or_default()
}

fn head(line: &str) -> String {
    line.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_greetings_and_answers() {
        let greeting = ["[CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready".to_owned()];
        assert_eq!(capabilities(&greeting), ["IMAP4REV1", "STARTTLS", "LOGINDISABLED"]);
        assert_eq!(capabilities(&["CAPABILITY IMAP4rev1 AUTH=PLAIN".to_owned()]), ["IMAP4REV1", "AUTH=PLAIN"]);
        assert!(capabilities(&["BYE".to_owned()]).is_empty());
    }

    #[test]
    fn strings_and_literals() {
        assert_eq!(quoted("a\"b\\c\r\n"), r#""a\"b\\c""#);
        assert_eq!(literal("1 FETCH (BODY[HEADER] {310}"), Some(310));
        assert_eq!(literal("1 FETCH ()"), None);
    }
}
