//! What an SMTP client says (RFC 5321), and replies as they come.

use std::fmt;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Fault, Talk};

/// Most lines of one reply.
const LINES_LIMIT: usize = 100;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code.
    pub code: u16,
    /// The text of its lines.
    pub lines: Vec<String>,
}

impl Reply {
    /// 2xx.
    pub const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 5xx.
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The text in one line.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            let last = at + 1 == self.lines.len();
            let separator = if last { ' ' } else { '-' };
            let end = if last { "" } else { "\n" };
            write!(formatter, "{}{separator}{line}{end}", self.code)?;
        }
        Ok(())
    }
}

/// What a server can do, as its EHLO says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The name it gives itself.
    pub name: String,
    /// Its lines after the first, in capitals up to the first space: `SIZE 10240000`, `AUTH PLAIN LOGIN`.
    pub lines: Vec<String>,
}

impl Capabilities {
    /// Out of a reply to EHLO.
    pub fn of(reply: &Reply) -> Self {
        let mut lines = reply.lines.iter();
        let name = lines.next().and_then(|line| line.split_whitespace().next()).unwrap_or_default().to_owned();
        let lines = lines.map(|line| match line.split_once([' ', '=']) {
            // `AUTH=PLAIN` is an old way to write it.
            Some((keyword, rest)) => format!("{} {}", keyword.to_ascii_uppercase(), rest.trim()),
            None => line.trim().to_ascii_uppercase(),
        });
        Capabilities { name, lines: lines.filter(|line| !line.is_empty()).collect() }
    }

    /// The parameters of a capability; `None` when it is not offered.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            (word == keyword).then_some(rest)
        })
    }

    /// The ways to log in, in capitals.
    pub fn logins(&self) -> Vec<String> {
        let mut ways: Vec<String> = Vec::new();
        for line in &self.lines {
            let mut words = line.split_whitespace();
            if words.next() == Some("AUTH") {
                ways.extend(words.map(str::to_ascii_uppercase));
            }
        }
        ways.sort();
        ways.dedup();
        ways
    }
}

/// Reads one reply. Lines that are no reply are [`Fault::Garbage`].
pub async fn reply(talk: &mut Talk) -> Result<Reply, Fault> {
    let mut lines = Vec::new();
    loop {
        let line = talk.line().await?;
        let bytes = line.as_bytes();
        let code = bytes.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit)).and_then(|_| line[..3].parse::<u16>().ok());
        let (Some(code), separator) = (code, bytes.get(3).copied().unwrap_or(b' ')) else {
            return Err(Fault::Garbage(format!("`{}` is no reply of SMTP", line.chars().take(80).collect::<String>())));
        };
        lines.push(line.get(4..).unwrap_or_default().to_owned());
        if separator != b'-' {
            return Ok(Reply { code, lines });
        }
        if lines.len() >= LINES_LIMIT {
            return Err(Fault::Garbage(format!("a reply of more than {LINES_LIMIT} lines")));
        }
    }
}

/// Reads the greeting.
pub async fn greeting(talk: &mut Talk) -> Result<Reply, Fault> {
    let started = Instant::now();
    let reply = reply(talk).await?;
    talk.took("greeting", started);
    talk.note("greeting", reply.to_string());
    Ok(reply)
}

/// Says a command and reads the reply; `step` names it in the timings.
pub async fn command(talk: &mut Talk, step: &'static str, text: &str) -> Result<Reply, Fault> {
    let started = Instant::now();
    talk.send(format!("{text}\r\n").as_bytes()).await?;
    let reply = reply(talk).await?;
    talk.took(step, started);
    talk.note(text, reply.to_string());
    Ok(reply)
}

/// Logs in, with PLAIN where it is offered, else LOGIN. Nothing secret is kept in the transcript.
pub async fn login(talk: &mut Talk, capabilities: &Capabilities, user: &str, password: &str) -> Result<Reply, Fault> {
    let started = Instant::now();
    let logins = capabilities.logins();
    let (way, said) = if logins.iter().any(|way| way == "PLAIN") {
        talk.send(format!("AUTH PLAIN {}\r\n", STANDARD.encode(format!("\0{user}\0{password}"))).as_bytes()).await?;
        ("PLAIN", reply(talk).await?)
    } else if logins.iter().any(|way| way == "LOGIN") {
        talk.send(b"AUTH LOGIN\r\n").await?;
        let mut said = reply(talk).await?;
        for word in [user, password] {
            if said.code != 334 {
                break;
            }
            talk.send(format!("{}\r\n", STANDARD.encode(word)).as_bytes()).await?;
            said = reply(talk).await?;
        }
        ("LOGIN", said)
    } else {
        return Err(Fault::Garbage("neither PLAIN nor LOGIN is offered".to_owned()));
    };
    talk.took("login", started);
    talk.note(format!("AUTH {way} (user {user})"), said.to_string());
    Ok(said)
}

/// Ends the session politely. Whether the other side still listens does not matter.
pub async fn quit(talk: &mut Talk) {
    let _ = command(talk, "quit", "QUIT").await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_in_any_case() {
        let lines = ["mail.example.com Hello", "size 1000", "AUTH LOGIN plain", "AUTH=CRAM-MD5", "8bitmime"];
        let reply = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        let said = Capabilities::of(&reply);
        assert_eq!((said.name.as_str(), said.get("SIZE"), said.get("STARTTLS")), ("mail.example.com", Some("1000"), None));
        assert_eq!(said.logins(), ["CRAM-MD5", "LOGIN", "PLAIN"]);
        assert!(said.get("8BITMIME").is_some());
        assert_eq!(reply.to_string().lines().last(), Some("250 8bitmime"));
    }
}
