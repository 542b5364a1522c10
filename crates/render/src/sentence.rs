//! One plain sentence for what happened to a message, ready to be pasted to a user.

use chrono::{DateTime, TimeZone};
use mailvane_model::Time;
use mailvane_model::row::{AttemptRow, OutcomeRow, RejectionRow};
use mailvane_model::word::{Action, Direction, HandedTo, Outcome, Reason, Stage, Status};

/// How times are written.
#[derive(Clone, Copy, Debug)]
pub struct Clock<Zone: TimeZone> {
    /// The zone of the reader.
    pub zone: Zone,
    /// Times of this day are written without their date.
    pub today: Time,
}

impl<Zone: TimeZone> Clock<Zone>
where
    Zone::Offset: std::fmt::Display,
{
    fn write(&self, time: Time) -> String {
        let local: DateTime<Zone> = time.to_chrono().with_timezone(&self.zone);
        let today = self.today.to_chrono().with_timezone(&self.zone).date_naive();
        let form = if local.date_naive() == today { "%H:%M:%S" } else { "%-d %b %H:%M:%S" };
        local.format(form).to_string()
    }
}

/// The sentence for one recipient. `provider` is the display name of who runs the far side, empty when not known.
pub fn outcome<Zone: TimeZone>(row: &OutcomeRow<'_>, provider: &str, clock: &Clock<Zone>) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let when = clock.write(row.time);
    let reply = reply(row.reply_code, row.enhanced_code, row.reply_text);
    match row.outcome {
        Outcome::Delivered => delivered(row, provider, &when, &reply),
        Outcome::Bounced => format!(
            "{when} refused for good by {}: {}{}",
            far_side(row.relay_host, row.relay_ip, row.direction, provider),
            why(row.reason),
            quoted(&reply)
        ),
        Outcome::Expired => format!("{when} given up after {}: {}{}", tries(row.attempts), why(row.reason), quoted(&reply)),
        Outcome::Queued => queued(row, provider, clock, &reply),
        Outcome::Held => {
            format!("on hold here since {}; an administrator must release it", clock.write(row.last_attempt.unwrap_or(row.time)))
        }
        Outcome::Discarded => format!("{when} thrown away on purpose by a rule of this server{}", quoted(&reply)),
        Outcome::Deleted => format!("{when} deleted from the queue by an administrator"),
        Outcome::Rejected => format!("{when} refused by us after it had been sent: {}{}", why(row.reason), quoted(&reply)),
        Outcome::Unknown if row.note.is_empty() => "what became of it is not in the log that was read".to_owned(),
        Outcome::Unknown => format!("{when} {}", row.note),
    }
}

fn tries(count: u32) -> String {
    if count <= 1 { "one try".to_owned() } else { format!("{count} tries") }
}

fn delivered(row: &OutcomeRow<'_>, provider: &str, when: &str, reply: &str) -> String {
    let tail = "; where it went after that only the recipient's side can see";
    match row.handed_to {
        HandedTo::Mailbox => format!("{when} put into the mailbox of {} here{}", row.recipient, quoted(reply)),
        HandedTo::Command => format!("{when} handed to a program here for {}{}", row.recipient, quoted(reply)),
        HandedTo::File => format!("{when} written to a file here for {}{}", row.recipient, quoted(reply)),
        HandedTo::Filter => format!("{when} taken by the content filter {}{}", row.relay_host, quoted(reply)),
        HandedTo::Smarthost => format!(
            "{when} relayed to {}{}; whether it reached the recipient only that relay can say",
            far_side(row.relay_host, row.relay_ip, row.direction, provider),
            quoted(reply)
        ),
        HandedTo::Remote | HandedTo::Nobody => {
            format!("{when} accepted by {}{}{tail}", far_side(row.relay_host, row.relay_ip, row.direction, provider), quoted(reply))
        }
    }
}

fn queued<Zone: TimeZone>(row: &OutcomeRow<'_>, provider: &str, clock: &Clock<Zone>, reply: &str) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let since = clock.write(row.arrived);
    if row.attempts == 0 {
        return format!("waiting since {since}: not tried yet");
    }
    let last = row.last_attempt.map(|time| format!(", last tried {}", clock.write(time))).unwrap_or_default();
    let tries = if row.attempts == 1 { "tried once".to_owned() } else { format!("tried {} times", row.attempts) };
    match row.reason {
        Some(Reason::Greylisted) => format!(
            "waiting since {since}: greylisted by {}, which passes by itself on a later try ({tries}{last})",
            far_side(row.relay_host, row.relay_ip, row.direction, provider)
        ),
        reason => format!("waiting since {since}: {}{} ({tries}{last})", why(reason), quoted(reply)),
    }
}

fn far_side(relay_host: &str, relay_ip: &str, direction: Direction, provider: &str) -> String {
    let host = if relay_host.is_empty() { relay_ip } else { relay_host };
    match (provider.is_empty(), host.is_empty()) {
        (true, true) => match direction {
            Direction::Inbound | Direction::Local => "this server".to_owned(),
            _ => "the receiving side".to_owned(),
        },
        (true, false) => host.to_owned(),
        (false, true) => provider.to_owned(),
        (false, false) => format!("{provider} ({host})"),
    }
}

fn reply(code: u16, enhanced: &str, text: &str) -> String {
    // The text as logged holds the codes already, except for what this host made itself.
    if !text.is_empty() {
        return text.to_owned();
    }
    match (code, enhanced) {
        (0, "") => String::new(),
        (0, enhanced) => enhanced.to_owned(),
        (code, enhanced) => format!("{code} {enhanced}").trim_end().to_owned(),
    }
}

fn quoted(reply: &str) -> String {
    if reply.is_empty() { String::new() } else { format!(", \"{}\"", shortened(reply, 300)) }
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The sentence for one try. `provider` is the display name of who runs the far side, empty when not known.
pub fn attempt<Zone: TimeZone>(row: &AttemptRow<'_>, provider: &str, clock: &Clock<Zone>) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let when = clock.write(row.time);
    let reply = reply(row.reply_code, row.enhanced_code, row.reply_text);
    let far = far_side(row.relay_host, row.relay_ip, row.direction, provider);
    let here = matches!(row.handed_to, HandedTo::Mailbox | HandedTo::Command | HandedTo::File);
    match row.status {
        Status::Delivered if here => format!("{when} delivered here{}", quoted(&reply)),
        Status::Delivered => format!("{when} accepted by {far}{}", quoted(&reply)),
        Status::InternalHop => format!("{when} handed on to {far}{}", quoted(&reply)),
        Status::Deferred if row.contacted => format!("{when} put off by {far}: {}{}", why(row.reason), quoted(&reply)),
        Status::Deferred => format!("{when} not tried now: {}{}", why(row.reason), quoted(&reply)),
        Status::Bounced => format!("{when} refused for good by {far}: {}{}", why(row.reason), quoted(&reply)),
        Status::Expired => format!("{when} given up: {}{}", why(row.reason), quoted(&reply)),
        Status::Discarded => format!("{when} thrown away on purpose{}", quoted(&reply)),
        Status::Deleted => format!("{when} deleted from the queue by an administrator"),
        Status::Held => format!("{when} put on hold{}", quoted(&reply)),
    }
}

/// The sentence for a refusal of ours.
pub fn rejection<Zone: TimeZone>(row: &RejectionRow<'_>, clock: &Clock<Zone>) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let when = clock.write(row.time);
    let done = match row.action {
        Action::Reject => "refused by us",
        Action::Defer => "put off by us for now",
        Action::Hold => "put on hold by a rule of ours",
        Action::Discard => "thrown away by a rule of ours",
        Action::Warn => "let through with a warning",
    };
    let step = match row.stage {
        Stage::Connect => " on connection",
        Stage::Helo => " at its greeting",
        Stage::Mail => " at the sender address",
        Stage::Rcpt => " at the recipient address",
        Stage::EndOfMessage | Stage::Data => " after its content",
        _ => "",
    };
    format!("{done}{step} at {when}: {}{}", why(Some(row.reason)), quoted(row.reply_text))
}

/// A reason as a short clause.
pub fn why(reason: Option<Reason>) -> &'static str {
    match reason {
        None => "no reason is in the log",
        Some(reason) => match reason {
            Reason::Unclassified => "for a reason we have no name for",
            Reason::UnknownRecipient => "the address does not exist",
            Reason::InactiveRecipient => "the mailbox is closed or disabled",
            Reason::BadDomain => "the recipient's domain does not exist or takes no mail",
            Reason::MailboxFull => "the mailbox is full",
            Reason::RecipientPolicy => "a rule of the recipient's side keeps it out",
            Reason::Greylisted => "greylisted",
            Reason::RateLimited => "too much mail in too short a time",
            Reason::TooManyConnections => "too many connections at once",
            Reason::IpBlocklisted => "the sending IP is on a block list",
            Reason::Reputation => "the sender's reputation is too low",
            Reason::AuthSpf => "SPF did not pass",
            Reason::AuthDkim => "DKIM did not pass",
            Reason::AuthDmarc => "DMARC did not pass",
            Reason::AuthMissing => "the mail is not authenticated",
            Reason::PtrHelo => "reverse DNS or the HELO name is wrong",
            Reason::TlsFailed => "encryption is required or failed",
            Reason::ContentSpam => "the content was taken for spam",
            Reason::VirusAttachment => "a virus or a forbidden attachment",
            Reason::MessageTooLarge => "the message is too large",
            Reason::FormatError => "the message breaks a format rule",
            Reason::RelayDenied => "relaying is not allowed",
            Reason::SenderRejected => "the sender address is not accepted",
            Reason::DnsFailure => "DNS did not answer",
            Reason::ConnectionFailure => "the connection failed",
            Reason::RemoteTemporary => "trouble on the receiving side, for now",
            Reason::RemoteError => "trouble on the receiving side",
            Reason::ProtocolError => "the two servers did not understand each other",
            Reason::SmarthostAuth => "the relay refuses our credentials",
            Reason::Expired => "it waited longer than the queue keeps mail",
            Reason::LocalPolicy => "a rule or a fault of this server",
            Reason::Loop => "the mail went in circles",
            Reason::Complaint => "a spam complaint",
            Reason::AutoReply => "an automatic reply",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use mailvane_model::Address;

    const CLOCK: Clock<Utc> = Clock { zone: Utc, today: Time(1_793_611_800_000_000) };

    #[test]
    fn a_delivery_says_who_took_it_and_where_our_sight_ends() {
        let row = OutcomeRow {
            time: Time(1_793_611_800_000_000),
            outcome: Outcome::Delivered,
            handed_to: HandedTo::Remote,
            relay_host: "mx.example.net",
            reply_text: "250 2.0.0 OK",
            ..OutcomeRow::default()
        };
        let text = outcome(&row, "Example Mail", &CLOCK);
        assert_eq!(
            text,
            "09:30:00 accepted by Example Mail (mx.example.net), \"250 2.0.0 OK\"; where it went after that only the recipient's side can see"
        );
    }

    #[test]
    fn a_waiting_message_says_since_when_and_why() {
        let row = OutcomeRow {
            arrived: Time(1_793_611_800_000_000 - Time::DAY),
            outcome: Outcome::Queued,
            attempts: 2,
            reason: Some(Reason::MailboxFull),
            recipient: Address { local: "a", domain: "example.net" },
            ..OutcomeRow::default()
        };
        assert_eq!(outcome(&row, "", &CLOCK), "waiting since 1 Nov 09:30:00: the mailbox is full (tried 2 times)");
    }

    #[test]
    fn a_refusal_names_the_step() {
        let row = RejectionRow { time: CLOCK.today, stage: Stage::Rcpt, reason: Reason::IpBlocklisted, ..RejectionRow::default() };
        assert_eq!(rejection(&row, &CLOCK), "refused by us at the recipient address at 09:30:00: the sending IP is on a block list");
    }
}
