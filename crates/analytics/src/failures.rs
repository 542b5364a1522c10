//! What fails: failed attempts by provider, reason and template of the reply, with samples and a trend.
//!
//! Templates are not made here: the caller hands in who makes them, so that they are those of the rules.

use ahash::{AHashMap, AHashSet};
use mailvane_model::word::{Fault, Reason, Scope as About, Status};
use mailvane_model::{AttemptRow, Time, hash};
use mailvane_store::Snapshot;

use crate::scope::Scope;
use crate::{Result, scan};

/// Groups that are told apart; attempts of further ones are counted in [`Failures::over_limit`].
const GROUPS: usize = 20_000;
/// Recipients that are told apart over all groups; past it a group's recipients are at least so many.
const RECIPIENTS: usize = 1_000_000;
/// Samples of one group: the newest.
const SAMPLES: usize = 3;
/// A longer reply is cut in a sample.
const SAMPLE_BYTES: usize = 1000;
/// Steps of a trend.
pub const TREND_STEPS: usize = 24;

/// One reply of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub time: Time,
    /// The id of the message.
    pub message: u64,
    /// To whom.
    pub recipient: String,
    /// The reply or reason as logged.
    pub reply: String,
    /// The host that was spoken to.
    pub relay_host: String,
}

/// Failed attempts with one meaning and one template at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Who runs the far side; may be empty.
    pub provider: String,
    /// What it means.
    pub reason: Reason,
    /// The template of the reply.
    pub template: String,
    /// What it is about.
    pub scope: About,
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether the newest was called final.
    pub permanent: bool,
    /// Whether a retry can succeed.
    pub retry: bool,
    /// The rule behind the verdict.
    pub rule: String,
    /// Confidence in the verdict, percent.
    pub confidence: u8,
    /// Attempts.
    pub attempts: u64,
    /// Those that were refused for good.
    pub bounced: u64,
    /// Those that were deferred.
    pub deferred: u64,
    /// Those for which nobody was contacted: the destination was suspended.
    pub suspended: u64,
    /// Recipients, each once.
    pub recipients: u64,
    /// The first.
    pub first: Time,
    /// The last.
    pub last: Time,
    /// Attempts in each of [`TREND_STEPS`] equal parts of the time asked for.
    pub trend: Vec<u64>,
    /// The newest replies, newest first.
    pub samples: Vec<Sample>,
}

impl Group {
    /// What orders groups: recipients and refusals for good; what is about this server or its senders counts three times,
    /// greylisting hardly at all.
    pub fn harm(&self) -> u64 {
        let weight = match (self.reason, self.scope) {
            (Reason::Greylisted, _) => 1,
            (_, About::Sender | About::Local) => 30,
            _ => 10,
        };
        (self.recipients + self.bounced * 4) * weight
    }
}

/// Every group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// The most harmful first.
    pub groups: Vec<Group>,
    /// Attempts that found no room.
    pub over_limit: u64,
    /// Whether every recipient was told apart.
    pub exact: bool,
}

/// The failures of a scope. `template` writes the template of a reply into the buffer it is given.
pub fn failures(snapshot: &Snapshot, scope: &Scope, mut template: impl FnMut(&str, &mut String)) -> Result<Failures> {
    let mut gathering = Gathering { since: scope.since, until: scope.until, ..Gathering::default() };
    let mut buffer = String::new();
    scan::failed_attempts(snapshot, scope, |row| {
        template(row.reply_text, &mut buffer);
        gathering.add(row, &buffer);
    })?;
    Ok(gathering.finish())
}

#[derive(Default)]
struct Gathering {
    index: AHashMap<(u64, Reason), usize>,
    groups: Vec<Group>,
    recipients: AHashSet<u64>,
    over_limit: u64,
    crowded: bool,
    since: Time,
    until: Time,
}

impl Gathering {
    fn add(&mut self, row: &AttemptRow<'_>, template: &str) {
        let reason = row.reason.unwrap_or_default();
        let name = hash::words(&[hash::bytes(row.provider.as_bytes()), hash::bytes(template.as_bytes())]);
        let at = match self.index.get(&(name, reason)) {
            Some(at) => *at,
            None if self.groups.len() >= GROUPS => {
                self.over_limit += 1;
                return;
            }
            None => {
                self.groups.push(Group {
                    provider: row.provider.to_owned(),
                    reason,
                    template: template.to_owned(),
                    first: row.time,
                    last: Time(i64::MIN),
                    trend: vec![0; TREND_STEPS],
                    ..Group::default()
                });
                self.index.insert((name, reason), self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let address = [row.recipient.local, row.recipient.domain].map(|part| hash::bytes(part.as_bytes()));
        let is_new = if self.recipients.len() < RECIPIENTS {
            self.recipients.insert(hash::words(&[at as u64, address[0], address[1]]))
        } else {
            self.crowded = true;
            false
        };
        let step = self.step(row.time);
        let group = &mut self.groups[at];
        group.recipients += u64::from(is_new);
        group.trend[step] += 1;
        group.take(row);
    }

    /// The part of the time asked for in which a time lies.
    fn step(&self, time: Time) -> usize {
        let length = (i128::from(self.until.0) - i128::from(self.since.0)).max(1);
        let part = (i128::from(time.0) - i128::from(self.since.0)).clamp(0, length - 1) * TREND_STEPS as i128 / length;
        part as usize
    }

    fn finish(mut self) -> Failures {
        self.groups.sort_by(|left, right| {
            let order = right.harm().cmp(&left.harm()).then(right.attempts.cmp(&left.attempts));
            order.then_with(|| (&left.provider, &left.template).cmp(&(&right.provider, &right.template)))
        });
        Failures { groups: self.groups, over_limit: self.over_limit, exact: !self.crowded }
    }
}

impl Group {
    fn take(&mut self, row: &AttemptRow<'_>) {
        self.attempts += 1;
        self.bounced += u64::from(row.status == Status::Bounced);
        self.deferred += u64::from(row.status == Status::Deferred);
        self.suspended += u64::from(!row.contacted);
        self.first = self.first.min(row.time);
        if row.time >= self.last {
            self.last = row.time;
            (self.scope, self.fault, self.permanent, self.retry) = (row.scope, row.fault, row.permanent, row.retry);
            self.confidence = row.confidence;
            if self.rule != row.rule {
                row.rule.clone_into(&mut self.rule);
            }
        }
        let at = self.samples.partition_point(|sample| sample.time >= row.time);
        if at < SAMPLES {
            let cut = row.reply_text.floor_char_boundary(SAMPLE_BYTES.min(row.reply_text.len()));
            self.samples.insert(
                at,
                Sample {
                    time: row.time,
                    message: row.message,
                    recipient: row.recipient.to_string(),
                    reply: row.reply_text[..cut].to_owned(),
                    relay_host: row.relay_host.to_owned(),
                },
            );
            self.samples.truncate(SAMPLES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::Address;

    #[test]
    fn attempts_are_grouped_by_provider_reason_and_template() {
        let mut gathering = Gathering { since: Time(0), until: Time(Time::DAY), ..Gathering::default() };
        let row = |time: i64, local: &'static str, provider: &'static str| AttemptRow {
            time: Time(time),
            provider,
            recipient: Address { local, domain: "example.net" },
            status: Status::Deferred,
            contacted: true,
            reason: Some(Reason::MailboxFull),
            reply_text: "452 full",
            rule: "recipient/mailbox-full",
            ..AttemptRow::default()
        };
        for (hour, local) in [(0, "a"), (1, "a"), (2, "b"), (23, "c")] {
            gathering.add(&row(hour * Time::HOUR, local, "one"), "full");
        }
        gathering.add(&row(0, "a", "two"), "full");
        let found = gathering.finish();
        assert_eq!(found.groups.len(), 2);
        let one = &found.groups[0];
        assert_eq!((one.provider.as_str(), one.attempts, one.recipients, one.deferred), ("one", 4, 3, 4));
        assert_eq!((one.first, one.last), (Time(0), Time(23 * Time::HOUR)));
        assert_eq!((one.trend[0], one.trend[1], one.trend[23]), (1, 1, 1));
        let hours: Vec<i64> = one.samples.iter().map(|sample| sample.time.0 / Time::HOUR).collect();
        assert_eq!(hours, [23, 2, 1]);
    }
}
