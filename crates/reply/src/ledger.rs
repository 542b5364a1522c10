//! The book of what happened to each address, and the suppression list that follows from it ([`crate::suppress`] decides).
//!
//! Feed it what became of mail in the order of time: refusals by reasons that can be about the address, and successes.
//! Everything else (block lists, reputation, policy, network) is not even written down.

use std::cmp::Reverse;

use ahash::AHashMap;
use mailvane_model::time::Time;
use mailvane_model::word::{Direction, Outcome, Population, Reason, Status};
use mailvane_model::{Address, AttemptRow, OutcomeRow};

use crate::suppress::{self, BURST_SPAN_SECONDS, Burst, Decision, Evidence};

/// Addresses that are kept; further ones are counted in [`List::over_limit`].
pub const MAX_ADDRESSES: usize = 2_000_000;
/// A longer reply is cut.
const MAX_REPLY_BYTES: usize = 500;
/// The confidence in a verdict that comes without one (that of an expired recipient), percent.
const USUAL_CONFIDENCE: u8 = 80;

/// A refusal that can put an address on the list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusal<'a> {
    /// Why.
    pub reason: Reason,
    /// Whether it was final.
    pub permanent: bool,
    /// Confidence in the verdict, percent.
    pub confidence: u8,
    /// Who refused it.
    pub provider: &'a str,
    /// The basic reply code, 0 when there was none.
    pub reply_code: u16,
    /// The enhanced code.
    pub enhanced_code: &'a str,
    /// The reply or reason.
    pub reply: &'a str,
    /// The rule behind the verdict.
    pub rule: &'a str,
}

/// What happened to an address.
#[derive(Clone, Copy, Debug)]
pub enum Happened<'a> {
    /// Mail to it was accepted.
    Delivered,
    /// Mail to it came back.
    Refused(Refusal<'a>),
}

/// One address on a list, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The address, in lower case.
    pub address: String,
    /// What is to be done.
    pub decision: Decision,
    /// Why it was refused last.
    pub reason: Reason,
    /// Confidence in the verdict, percent.
    pub confidence: u8,
    /// Who refused it.
    pub provider: String,
    /// The basic code of the last refusal, 0 when there was none.
    pub reply_code: u16,
    /// The enhanced code of the last refusal.
    pub enhanced_code: String,
    /// The last refusal.
    pub reply: String,
    /// The rule behind the verdict.
    pub rule: String,
    /// How often it came back for this reason since it last worked.
    pub bounces: u32,
    /// The first of these refusals.
    pub first: Time,
    /// The last of them.
    pub last: Time,
    /// The last success before them.
    pub delivered_before: Option<Time>,
    /// The last success after them.
    pub delivered_after: Option<Time>,
}

/// One provider's burst of refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The provider.
    pub provider: String,
    /// The addresses that it had accepted before.
    pub held_back: Vec<Entry>,
    /// The first refusal.
    pub first: Time,
    /// The last one.
    pub last: Time,
}

/// Every address of which there is something to say, each list in the order of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Not to be mailed again.
    pub suppress: Vec<Entry>,
    /// Held back: their provider calls many good addresses unknown at once.
    pub troubles: Vec<Trouble>,
    /// More evidence is needed.
    pub not_yet: Vec<Entry>,
    /// They work again.
    pub works_again: Vec<Entry>,
    /// Addresses that found no room.
    pub over_limit: u64,
}

/// What is known of one address.
#[derive(Clone, Debug, Default)]
struct Page {
    delivered: Option<Time>,
    case: Option<Box<Case>>,
}

/// Refusals of one reason since the address last worked.
#[derive(Clone, Debug)]
struct Case {
    reason: Reason,
    permanent: bool,
    confidence: u8,
    provider: Box<str>,
    reply_code: u16,
    enhanced_code: Box<str>,
    reply: Box<str>,
    rule: Box<str>,
    bounces: u32,
    first: Time,
    last: Time,
    delivered_before: Option<Time>,
}

/// Whether a reason can put an address on the list at all.
pub const fn can_list(reason: Reason) -> bool {
    matches!(reason, Reason::UnknownRecipient | Reason::InactiveRecipient | Reason::BadDomain | Reason::MailboxFull | Reason::Complaint)
}

/// Whether mail is ours to stop: ordinary mail of our own senders, or mail of which the log does not tell whose it is.
pub const fn is_ours_to_stop(population: Population, direction: Direction) -> bool {
    matches!(population, Population::Ordinary) && matches!(direction, Direction::Outbound | Direction::Unknown)
}

/// What an attempt says of its recipient.
pub fn of_attempt<'a>(row: &AttemptRow<'a>) -> Option<Happened<'a>> {
    if !is_ours_to_stop(row.population, row.direction) || row.recipient.is_unknown() {
        return None;
    }
    match (row.status, row.reason) {
        (Status::Delivered, _) => Some(Happened::Delivered),
        (Status::Bounced, Some(reason)) if can_list(reason) => Some(Happened::Refused(Refusal {
            reason,
            permanent: row.permanent,
            confidence: row.confidence,
            provider: row.provider,
            reply_code: row.reply_code,
            enhanced_code: row.enhanced_code,
            reply: row.reply_text,
            rule: row.rule,
        })),
        _ => None,
    }
}

/// What an outcome says that no attempt said: mail that was given up while the mailbox was full.
pub fn of_outcome<'a>(row: &OutcomeRow<'a>) -> Option<Happened<'a>> {
    let given_up = row.outcome == Outcome::Expired && row.reason == Some(Reason::MailboxFull);
    if !given_up || !is_ours_to_stop(row.population, row.direction) || row.recipient.is_unknown() {
        return None;
    }
    Some(Happened::Refused(Refusal {
        reason: Reason::MailboxFull,
        permanent: row.permanent,
        confidence: USUAL_CONFIDENCE,
        provider: row.provider,
        reply_code: row.reply_code,
        enhanced_code: row.enhanced_code,
        reply: row.reply_text,
        rule: "",
    }))
}

/// The book.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pages: AHashMap<Box<str>, Page>,
    over_limit: u64,
    key: String,
}

impl Ledger {
    /// Writes down what happened to an address at a time; not before what was written of it earlier, but for seconds.
    pub fn add(&mut self, address: Address<'_>, time: Time, happened: Happened<'_>) {
        write_key(address, &mut self.key);
        if !self.pages.contains_key(self.key.as_str()) {
            if self.pages.len() >= MAX_ADDRESSES {
                self.over_limit += 1;
                return;
            }
            self.pages.insert(self.key.as_str().into(), Page::default());
        }
        let Some(page) = self.pages.get_mut(self.key.as_str()) else { return };
        match happened {
            Happened::Delivered => page.delivered = page.delivered.max(Some(time)),
            Happened::Refused(refusal) => page.refuse(&refusal, time),
        }
    }

    /// Whether an address was ever refused: only of such ones successes matter to a list made from stored rows.
    pub fn has_case(&mut self, address: Address<'_>) -> bool {
        write_key(address, &mut self.key);
        self.pages.get(self.key.as_str()).is_some_and(|page| page.case.is_some())
    }

    /// The lists.
    pub fn finish(self) -> List {
        let mut list = List { over_limit: self.over_limit, ..List::default() };
        let mut cases: Vec<(Box<str>, Page)> = self.pages.into_iter().filter(|(_, page)| page.case.is_some()).collect();
        cases.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let bursts = Bursts::of(&cases);
        let mut held_back: Vec<Entry> = Vec::new();
        for (address, page) in &cases {
            let Some(case) = &page.case else { continue };
            let delivered_after = page.delivered.filter(|time| *time > case.last);
            let evidence = Evidence {
                reason: case.reason,
                permanent: case.permanent,
                confidence: case.confidence,
                provider: &case.provider,
                bounces: case.bounces,
                first: case.first,
                last: case.last,
                delivered_before: case.delivered_before,
                delivered_after,
            };
            let decision = suppress::decide(&evidence, bursts.around(&case.provider, case.last));
            let entry = case.entry(address, decision, delivered_after);
            match decision {
                Decision::Suppress(_) => list.suppress.push(entry),
                Decision::HeldBack => held_back.push(entry),
                Decision::NotYet(_) => list.not_yet.push(entry),
                Decision::Keep if delivered_after.is_some() => list.works_again.push(entry),
                Decision::Keep => {}
            }
        }
        list.troubles = troubles(held_back);
        list
    }
}

impl Page {
    fn refuse(&mut self, refusal: &Refusal<'_>, time: Time) {
        let goes_on =
            self.case.as_ref().filter(|case| case.reason == refusal.reason && self.delivered.is_none_or(|at| at < case.first || at > time));
        let (bounces, first, delivered_before) = match goes_on {
            Some(case) => (case.bounces.saturating_add(1), case.first.min(time), case.delivered_before),
            None => (1, time, self.delivered.filter(|at| *at <= time)),
        };
        let cut = refusal.reply.floor_char_boundary(MAX_REPLY_BYTES.min(refusal.reply.len()));
        self.case = Some(Box::new(Case {
            reason: refusal.reason,
            permanent: refusal.permanent,
            confidence: refusal.confidence,
            provider: refusal.provider.into(),
            reply_code: refusal.reply_code,
            enhanced_code: refusal.enhanced_code.into(),
            reply: refusal.reply[..cut].into(),
            rule: refusal.rule.into(),
            bounces,
            first,
            last: time,
            delivered_before,
        }));
    }
}

impl Case {
    fn entry(&self, address: &str, decision: Decision, delivered_after: Option<Time>) -> Entry {
        Entry {
            address: address.to_owned(),
            decision,
            reason: self.reason,
            confidence: self.confidence,
            provider: self.provider.to_string(),
            reply_code: self.reply_code,
            enhanced_code: self.enhanced_code.to_string(),
            reply: self.reply.to_string(),
            rule: self.rule.to_string(),
            bounces: self.bounces,
            first: self.first,
            last: self.last,
            delivered_before: self.delivered_before,
            delivered_after,
        }
    }
}

/// By provider, when it last called each address unknown or closed, and whether it had accepted it before.
struct Bursts<'a>(AHashMap<&'a str, Vec<(Time, bool)>>);

impl<'a> Bursts<'a> {
    fn of(cases: &'a [(Box<str>, Page)]) -> Self {
        let mut said: AHashMap<&str, Vec<(Time, bool)>> = AHashMap::new();
        for case in cases.iter().filter_map(|(_, page)| page.case.as_ref()) {
            if matches!(case.reason, Reason::UnknownRecipient | Reason::InactiveRecipient) && case.permanent {
                said.entry(&case.provider).or_default().push((case.last, case.delivered_before.is_some()));
            }
        }
        said.values_mut().for_each(|times| times.sort_unstable());
        Bursts(said)
    }

    /// What a provider said in the hours around a time.
    fn around(&self, provider: &str, time: Time) -> Burst {
        let Some(said) = self.0.get(provider) else { return Burst::default() };
        let span = BURST_SPAN_SECONDS * Time::SECOND;
        let from = said.partition_point(|(at, _)| *at < time.plus(-span));
        let near = said[from..].iter().take_while(|(at, _)| *at <= time.plus(span));
        let mut burst = Burst::default();
        for (_, good) in near {
            burst.unknown += 1;
            burst.formerly_good += u32::from(*good);
        }
        burst
    }
}

/// Held-back addresses by provider, the provider with most of them first.
fn troubles(held_back: Vec<Entry>) -> Vec<Trouble> {
    let mut found: Vec<Trouble> = Vec::new();
    for entry in held_back {
        let (first, last) = (entry.first, entry.last);
        match found.iter_mut().find(|trouble| trouble.provider == entry.provider) {
            Some(trouble) => {
                (trouble.first, trouble.last) = (trouble.first.min(first), trouble.last.max(last));
                trouble.held_back.push(entry);
            }
            None => found.push(Trouble { provider: entry.provider.clone(), held_back: vec![entry], first, last }),
        }
    }
    found.sort_by_key(|trouble| (Reverse(trouble.held_back.len()), trouble.first));
    found
}

/// The address in lower case: mailboxes that differ in case alone are one in practice.
fn write_key(address: Address<'_>, key: &mut String) {
    key.clear();
    key.extend(address.local.chars().flat_map(char::to_lowercase));
    key.push('@');
    key.extend(address.domain.chars().flat_map(char::to_lowercase));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suppress::{Ground, Missing};

    const HOUR: i64 = 3600;

    fn at(hours: i64) -> Time {
        Time::from_seconds(hours * HOUR)
    }

    fn gone<'a>() -> Happened<'a> {
        Happened::Refused(Refusal {
            reason: Reason::UnknownRecipient,
            permanent: true,
            confidence: 90,
            provider: "example.net",
            reply: "550 5.1.1 no such user",
            ..Refusal::default()
        })
    }

    fn full<'a>() -> Happened<'a> {
        Happened::Refused(Refusal { reason: Reason::MailboxFull, confidence: 90, provider: "example.net", ..Refusal::default() })
    }

    fn address(local: &str) -> Address<'_> {
        Address { local, domain: "example.net" }
    }

    #[test]
    fn an_address_that_is_gone_is_listed_and_one_that_works_again_is_not() {
        let mut ledger = Ledger::default();
        ledger.add(address("Ann"), at(1), gone());
        ledger.add(address("ann"), at(9), gone());
        ledger.add(address("bob"), at(1), gone());
        ledger.add(address("bob"), at(2), Happened::Delivered);
        ledger.add(address("eve"), at(1), Happened::Delivered);
        let list = ledger.finish();
        assert_eq!(list.suppress.len(), 1);
        let ann = &list.suppress[0];
        assert_eq!((ann.address.as_str(), ann.bounces, ann.first, ann.last), ("ann@example.net", 2, at(1), at(9)));
        assert_eq!(ann.decision, Decision::Suppress(Ground::Gone));
        assert_eq!(list.works_again.len(), 1);
        assert_eq!(list.works_again[0].delivered_after, Some(at(2)));
    }

    #[test]
    fn bounces_before_a_success_do_not_count() {
        let mut ledger = Ledger::default();
        for day in [0, 8, 16] {
            ledger.add(address("ann"), at(day * 24), full());
            ledger.add(address("bob"), at(day * 24), full());
            if day == 8 {
                ledger.add(address("bob"), at(day * 24 + 1), Happened::Delivered);
            }
        }
        let list = ledger.finish();
        assert_eq!(list.suppress.iter().map(|entry| entry.address.as_str()).collect::<Vec<_>>(), ["ann@example.net"]);
        assert_eq!(list.not_yet[0].decision, Decision::NotYet(Missing::FullBounces));
        assert_eq!((list.not_yet[0].bounces, list.not_yet[0].delivered_before), (1, Some(at(8 * 24 + 1))));
    }

    #[test]
    fn a_burst_against_good_addresses_is_held_back_as_one() {
        let mut ledger = Ledger::default();
        let names: Vec<String> = (0..12).map(|number| format!("user{number}")).collect();
        for name in &names {
            ledger.add(address(name), at(0), Happened::Delivered);
        }
        for (number, name) in names.iter().enumerate() {
            ledger.add(address(name), at(100).plus(number as i64 * Time::MINUTE), gone());
        }
        ledger.add(address("never"), at(100), gone());
        let list = ledger.finish();
        assert_eq!(list.suppress.iter().map(|entry| entry.address.as_str()).collect::<Vec<_>>(), ["never@example.net"]);
        assert_eq!(list.troubles.len(), 1);
        assert_eq!(list.troubles[0].held_back.len(), 12);
    }

    #[test]
    fn only_ordinary_outgoing_mail_speaks() {
        let row = AttemptRow {
            recipient: address("ann"),
            population: Population::Ordinary,
            direction: Direction::Outbound,
            status: Status::Bounced,
            reason: Some(Reason::UnknownRecipient),
            ..AttemptRow::default()
        };
        assert!(of_attempt(&row).is_some());
        assert!(of_attempt(&AttemptRow { direction: Direction::Forwarded, ..row }).is_none());
        assert!(of_attempt(&AttemptRow { population: Population::Notification, ..row }).is_none());
        assert!(of_attempt(&AttemptRow { reason: Some(Reason::IpBlocklisted), ..row }).is_none());
        assert!(of_attempt(&AttemptRow { status: Status::Deferred, ..row }).is_none());
    }
}
