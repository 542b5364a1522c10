//! The last leg: the message is looked for in the folders of the mailbox, read, and deleted.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::RoundTrip;
use crate::check::View;
use crate::finding::Evidence;
use crate::service::{Encryption, Upgraded, upgrade};
use crate::talk::imap::{self, Answer, Status, quoted};
use crate::talk::{Fault, Talk};

/// Folders that are looked into.
const FOLDERS_LIMIT: usize = 30;
/// The mailbox is looked into this often.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The message as it lay there.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The folder.
    pub(super) folder: String,
    /// Its headers.
    pub(super) head: String,
    /// It was deleted, alone.
    pub(super) deleted: bool,
}

/// Why there is no message.
#[derive(Clone, Debug)]
pub(super) enum Lost {
    /// The mailbox could not be looked into.
    Mailbox(String),
    /// It was looked into until the end of the time.
    NotThere,
}

/// Looks for the message until it is there or the time is over.
pub(super) async fn fetch(trip: &RoundTrip, view: &View, mark: &str, deadline: Instant) -> (Result<Fetched, Lost>, Vec<Evidence>) {
    match open(trip, view).await {
        Ok(mut talk) => {
            let fetched = look(trip, &mut talk, mark, deadline).await;
            // The answer to a farewell does not matter.
            let _ = imap::command(&mut talk, "logout", "LOGOUT", "LOGOUT").await;
            // Each look adds the same lines: the last ones tell all.
            let keep = talk.transcript.len().saturating_sub(12);
            (fetched, talk.transcript.split_off(keep))
        }
        Err(why) => (Err(Lost::Mailbox(why)), Vec::new()),
    }
}

async fn open(trip: &RoundTrip, view: &View) -> Result<Talk, String> {
    let service = &trip.mailbox;
    let addresses = service.resolve(view, "roundtrip.arrived").await.map_err(|finding| finding.title)?;
    let way = service.way(view);
    let address = addresses.first().ok_or("no address")?;
    let mut talk = Talk::open(SocketAddr::new(*address, service.port), &way).await.map_err(|fault| fault.to_string())?;
    let encrypt = |talk: Talk| async {
        match upgrade(talk, &service.host).await {
            Upgraded::On(talk, _) => Ok(*talk),
            Upgraded::Off(fault, ..) => Err(fault.to_string()),
        }
    };
    if service.encryption == Encryption::Immediate {
        talk = encrypt(talk).await?;
    }
    imap::greeting(&mut talk).await.map_err(|fault| fault.to_string())?;
    if service.encryption == Encryption::OnDemand {
        done(imap::command(&mut talk, "starttls", "STARTTLS", "STARTTLS").await)?;
        talk = encrypt(talk).await?;
    }
    let login = service.login.as_ref().ok_or("no login for the mailbox was given")?;
    let text = format!("LOGIN {} {}", quoted(&login.user), quoted(&login.password));
    done(imap::command(&mut talk, "login", &text, &format!("LOGIN {} ...", login.user)).await)?;
    Ok(talk)
}

fn done(answer: Result<Answer, Fault>) -> Result<Answer, String> {
    let answer = answer.map_err(|fault| fault.to_string())?;
    if answer.status == Status::Ok { Ok(answer) } else { Err(answer.text) }
}

async fn look(trip: &RoundTrip, talk: &mut Talk, mark: &str, deadline: Instant) -> Result<Fetched, Lost> {
    loop {
        for folder in folders(talk).await.map_err(Lost::Mailbox)? {
            // A folder that cannot be opened (`\Noselect`, no right) is none that mail comes to.
            if done(imap::command(talk, "select", &format!("SELECT {}", quoted(&folder)), &format!("SELECT {folder}")).await).is_err() {
                continue;
            }
            let search = format!("UID SEARCH HEADER Message-ID {}", quoted(&format!("{mark}@{}", trip.helo)));
            let found = done(imap::command(talk, "search", &search, &search).await).map_err(Lost::Mailbox)?;
            let uid = found.untagged.iter().find_map(|line| line.strip_prefix("SEARCH ")?.split_whitespace().last().map(str::to_owned));
            if let Some(uid) = uid.filter(|uid| uid.bytes().all(|byte| byte.is_ascii_digit())) {
                return take(talk, folder, &uid).await.map_err(Lost::Mailbox);
            }
        }
        if Instant::now() + AGAIN_AFTER >= deadline {
            return Err(Lost::NotThere);
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// The folders, the inbox first.
async fn folders(talk: &mut Talk) -> Result<Vec<String>, String> {
    let listed = done(imap::command(talk, "list", "LIST \"\" \"*\"", "LIST").await)?;
    let mut folders = vec!["INBOX".to_owned()];
    for line in &listed.untagged {
        let Some(folder) = line.strip_prefix("LIST ").and_then(name) else { continue };
        if !folder.eq_ignore_ascii_case("INBOX") && folders.len() < FOLDERS_LIMIT {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// The name at the end of an answer to LIST: `(\HasNoChildren) "/" "Junk Mail"`, or as a literal.
pub(super) fn name(line: &str) -> Option<String> {
    if let Some((_, literal)) = line.split_once("}\n") {
        return Some(literal.to_owned());
    }
    let rest = line.split_once(") ")?.1;
    let rest = if let Some(after) = rest.strip_prefix('"') { after.split_once("\" ")?.1 } else { rest.split_once(' ')?.1 };
    match rest.strip_prefix('"') {
        Some(quoted) => Some(quoted.strip_suffix('"')?.replace("\\\"", "\"").replace("\\\\", "\\")),
        None => Some(rest.to_owned()),
    }
}

async fn take(talk: &mut Talk, folder: String, uid: &str) -> Result<Fetched, String> {
    let fetch = format!("UID FETCH {uid} (BODY.PEEK[HEADER])");
    let answer = done(imap::command(talk, "fetch", &fetch, &fetch).await)?;
    let head = answer.untagged.iter().find_map(|line| line.split_once("}\n").map(|(_, head)| head.to_owned())).unwrap_or_default();
    let store = format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)");
    done(imap::command(talk, "store", &store, &store).await)?;
    // Without UIDPLUS (RFC 4315) only all deleted messages of the folder could be removed: those of others are not ours to remove.
    let expunge = format!("UID EXPUNGE {uid}");
    let deleted = done(imap::command(talk, "expunge", &expunge, &expunge).await).is_ok();
    Ok(Fetched { folder, head, deleted })
}
