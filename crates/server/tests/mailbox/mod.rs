//! A mail server of one test: takes mail, or refuses it, and hands over what it took.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A mail that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
}

impl Mail {
    /// The value of a header, unfolded.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
        let start = format!("{}: ", name.to_lowercase());
        head.split("\r\n").find(|line| line.to_lowercase().starts_with(&start)).map(|line| line[start.len()..].to_owned())
    }
}

/// What the server says to a recipient.
pub(crate) type Say = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The server. Its threads end with the process of the test.
pub(crate) struct Mailbox {
    pub(crate) address: SocketAddr,
    mails: Receiver<Mail>,
}

impl Mailbox {
    /// Takes everything.
    pub(crate) fn open() -> Self {
        Self::with(Arc::new(|_| "250 2.1.5 Ok".to_owned()))
    }

    /// Answers recipients as it is told.
    pub(crate) fn with(say: Say) -> Self {
        Self::at("127.0.0.1:0", say)
    }

    /// The same on an address.
    pub(crate) fn at(bind: &str, say: Say) -> Self {
        let listener = TcpListener::bind(bind).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, say) = (sender.clone(), Arc::clone(&say));
                // A client that goes away is no failure of the server.
                std::thread::spawn(move || drop(talk(stream, &sender, &say)));
            }
        });
        Mailbox { address, mails }
    }

    /// The next mail; waits for it.
    pub(crate) fn next(&self, longest: Duration) -> Option<Mail> {
        self.mails.recv_timeout(longest).ok()
    }
}

fn talk(stream: TcpStream, sender: &Sender<Mail>, say: &Say) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    let mut mail = Mail { from: String::new(), to: Vec::new(), text: String::new() };
    write!(out, "220 mailbox.example.org ESMTP\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let reply = match verb.as_str() {
            "EHLO" => "250-mailbox.example.org\r\n250 8BITMIME".to_owned(),
            "MAIL" => {
                mail.from = address();
                "250 2.1.0 Ok".to_owned()
            }
            "RCPT" => {
                let reply = say(&address());
                if reply.starts_with('2') {
                    mail.to.push(address());
                }
                reply
            }
            "DATA" => {
                write!(out, "354 go on\r\n")?;
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    mail.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.text.push_str("\r\n");
                }
                let taken = std::mem::replace(&mut mail, Mail { from: String::new(), to: Vec::new(), text: String::new() });
                drop(sender.send(taken));
                "250 2.0.0 Ok: queued as 4TEST12345".to_owned()
            }
            "QUIT" => {
                write!(out, "221 bye\r\n")?;
                return Ok(());
            }
            _ => "250 2.0.0 Ok".to_owned(),
        };
        write!(out, "{reply}\r\n")?;
    }
    Ok(())
}
