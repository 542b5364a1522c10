//! What is failing, why, and what to do: the most harmful first.

use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::{Failure, Section};
use mailvane_model::word::{Population, Reason};

use super::format::{Clock, count, counted, printable, shortened, wrapped};
use super::page::Page;
use super::{Advice, Header, Words, traffic_name};

/// How many samples are shown of each failure.
const SAMPLES_SHOWN: usize = 2;

pub(super) fn write(page: &mut Page, report: &Report, words: &Words<'_>, clock: Clock<'_>) {
    let failing = |section: &&Section| section.traffic.population == Population::Ordinary && !section.failures.is_empty();
    let mut begun = false;
    let mut said = Vec::new();
    for section in report.sections.iter().filter(failing) {
        if !begun {
            page.heading(
                "What is failing, why, and what to do",
                "The most harmful first: lost mail weighs most, then mail that waits, then mail that only came late; what concerns this server or its reputation weighs three times as much.",
            );
            begun = true;
        }
        if section.traffic != mailvane_metric::Traffic::DEFAULT {
            page.subheading(&traffic_name(section.traffic));
        }
        for (at, failure) in section.failures.iter().take(page.top()).enumerate() {
            one(page, at + 1, failure, words, clock, &mut said);
        }
        let more = section.failures.len().saturating_sub(page.top()) as u64;
        if more > 0 {
            page.dim(&format!("  and {} more", count(more)));
        }
    }
}

/// Replies without a name: a rule of one's own gives them one.
pub(super) fn unnamed(page: &mut Page, header: &Header, words: &Words<'_>, clock: Clock<'_>) {
    if header.unnamed.is_empty() {
        return;
    }
    page.heading(
        "Replies that no rule names",
        "By template, the most frequent first. A rule of your own names one: put it into a folder and give it with --rules.",
    );
    for one in header.unnamed.iter().take(page.top()) {
        let who = if one.provider.is_empty() { String::new() } else { format!(", {}", (words.provider)(&one.provider)) };
        page.line(&format!("  {:>7} x  {}{who}", count(one.count), clock.span(one.first, one.last)));
        for line in wrapped(&shortened(&printable(&one.template), 300), page.width().saturating_sub(15)) {
            page.dim(&format!("             {line}"));
        }
    }
    let more = header.unnamed.len().saturating_sub(page.top()) as u64;
    if more > 0 {
        page.dim(&format!("  and {} more", counted(more, "template", "templates")));
    }
}

fn one(page: &mut Page, number: usize, failure: &Failure, words: &Words<'_>, clock: Clock<'_>, said: &mut Vec<Advice>) {
    let who = if failure.provider.is_empty() { String::new() } else { format!(" at {}", (words.provider)(&failure.provider)) };
    let title = format!("{number:>3}. {}{who}: {}", reason_words(failure.reason), numbers(failure));
    if failure.lost() > 0 && failure.reason != Reason::Greylisted {
        page.alarm(&title);
    } else {
        page.line(&title);
    }
    let code = match (failure.reply_code, failure.enhanced_code.as_str()) {
        (0, "") => String::new(),
        (0, enhanced) => format!(", code {enhanced}"),
        (basic, enhanced) => format!(", code {basic} {enhanced}").trim_end().to_owned(),
    };
    page.dim(&format!("     {} ({}{code})", clock.span(failure.first, failure.last), failure.reason.word()));
    if let Some(advice) = (words.advice)(failure) {
        // The same advice in full once is enough.
        if said.contains(&advice) {
            page.dim("     why and what to do: as above");
        } else {
            page.labelled(5, "why  ", &advice.cause);
            for step in &advice.steps {
                page.labelled(5, "do   ", step);
            }
            if !advice.link.is_empty() {
                page.labelled(5, "see  ", &advice.link);
            }
            said.push(advice);
        }
    }
    for sample in failure.samples.iter().take(SAMPLES_SHOWN) {
        page.dim(&format!("     > {}", shortened(&printable(sample), page.width().saturating_sub(7))));
    }
}

fn numbers(failure: &Failure) -> String {
    let mut parts = Vec::new();
    if failure.bounced > 0 {
        parts.push(format!("{} bounced", counted(failure.bounced, "recipient", "recipients")));
    }
    if failure.expired > 0 {
        parts.push(format!("{} expired", count(failure.expired)));
    }
    if failure.queued > 0 {
        parts.push(format!("{} waiting", count(failure.queued)));
    }
    if failure.deferred_attempts > 0 {
        let recipients = counted(failure.recipients_deferred, "recipient", "recipients");
        parts.push(format!("{} deferred in {}", recipients, counted(failure.deferred_attempts, "attempt", "attempts")));
    }
    parts.join(", ")
}

/// A reason in words for a heading.
pub(super) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Unclassified => "Not classified",
        Reason::UnknownRecipient => "No such recipient",
        Reason::InactiveRecipient => "Recipient closed or disabled",
        Reason::BadDomain => "Recipient domain takes no mail",
        Reason::MailboxFull => "Mailbox full",
        Reason::RecipientPolicy => "Recipient's own rule",
        Reason::Greylisted => "Greylisted",
        Reason::RateLimited => "Too much mail too fast",
        Reason::TooManyConnections => "Too many connections",
        Reason::IpBlocklisted => "Sending IP on a block list",
        Reason::Reputation => "Reputation of IP or domain",
        Reason::AuthSpf => "SPF failed",
        Reason::AuthDkim => "DKIM failed",
        Reason::AuthDmarc => "DMARC failed",
        Reason::AuthMissing => "Not authenticated",
        Reason::PtrHelo => "Reverse DNS or HELO name",
        Reason::TlsFailed => "TLS required or failed",
        Reason::ContentSpam => "Taken for spam",
        Reason::VirusAttachment => "Virus or forbidden attachment",
        Reason::MessageTooLarge => "Message too large",
        Reason::FormatError => "Message breaks a format rule",
        Reason::RelayDenied => "Relaying denied",
        Reason::SenderRejected => "Sender refused",
        Reason::DnsFailure => "DNS did not answer",
        Reason::ConnectionFailure => "Connection failed",
        Reason::RemoteTemporary => "Trouble on the far side, for now",
        Reason::RemoteError => "Trouble on the far side",
        Reason::ProtocolError => "Protocol error",
        Reason::SmarthostAuth => "Smarthost refuses our credentials",
        Reason::Expired => "Queue lifetime over",
        Reason::LocalPolicy => "Rule or fault of this server",
        Reason::Loop => "Mail loop",
        Reason::Complaint => "Spam complaint",
        Reason::AutoReply => "Automatic reply",
    }
}
