//! From rows to minutes: the same folds of `metric` as reports and rollups, told apart as rules need it.
//!
//! A fold keeps what it was given until the watermark has passed it; what comes later for a time that was handed out already is
//! handed out again under its time, and the engine files it without judging.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;
use mailvane_metric::{Cell, Traffic, count, sender, template};
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::word::{AuthResult, Direction, Level, Population, Reason, Status};
use mailvane_model::{Sink, Time, hash};

use crate::input::{Coverage, Dimension, Gap, Logins, Minute, Sample, Trouble, is_block};

/// Keys of one step at most; the rest counts without a key of its own, see [`Fold::dropped`].
const KEYS: usize = 20_000;
/// Pairs of user and client of one step at most.
const LOGINS: usize = 2_000;
/// Sample failures of one step at most.
const SAMPLES: usize = 50;
/// Kinds of trouble of one step at most.
const TROUBLES: usize = 50;
/// Gaps of one step at most.
const GAPS: usize = 20;
/// A longer time without anything is passed over in one go.
const LONGEST_QUIET: i64 = 14 * Time::DAY;
/// Names that are remembered so that they are kept once.
const NAMES: usize = 100_000;
/// A reply is cut after so many bytes.
const REPLY_BYTES: usize = 400;

/// What one step holds so far.
#[derive(Debug, Default)]
struct Sums {
    cells: AHashMap<(Dimension, Arc<str>), Cell>,
    logins: BTreeMap<(Arc<str>, Arc<str>), (u32, u32)>,
    samples: Vec<Sample>,
    troubles: Vec<Trouble>,
    gaps: Vec<Gap>,
    coverage: Coverage,
}

/// Gathers rows into minutes.
#[derive(Debug)]
pub struct Fold {
    width: i64,
    steps: BTreeMap<i64, Sums>,
    /// Up to here steps were handed out.
    taken: Option<Time>,
    names: AHashMap<Box<str>, Arc<str>>,
    nothing: Arc<str>,
    /// Keys, logins and kinds of trouble that found no place of their own.
    pub dropped: u64,
}

impl Fold {
    /// A fold that hands out steps of `width` microseconds: a minute, or a part of one that divides it.
    pub fn new(width: i64) -> Self {
        let width = if width > 0 && Time::MINUTE % width == 0 { width } else { Time::MINUTE };
        Fold { width, steps: BTreeMap::new(), taken: None, names: AHashMap::new(), nothing: Arc::from(""), dropped: 0 }
    }

    /// A fold that goes on where steps were handed out before: those without anything are handed out from `from` on.
    pub fn starting(width: i64, from: Time) -> Self {
        Fold { taken: Some(from), ..Fold::new(width) }
    }

    /// Counts a line; `unparsed`: nothing is known of it.
    pub fn line(&mut self, time: Time, unparsed: bool) {
        self.lines(time, 1, u32::from(unparsed));
    }

    /// Counts lines of a step; of `unparsed` nothing is known.
    pub fn lines(&mut self, time: Time, lines: u32, unparsed: u32) {
        let coverage = &mut self.sums(time).coverage;
        coverage.lines = coverage.lines.saturating_add(lines);
        coverage.unparsed = coverage.unparsed.saturating_add(unparsed);
    }

    /// Hands out, in order of time, every step that the watermark has passed: first what came late, then one after the other,
    /// those without anything included.
    pub fn take(&mut self, watermark: Time, each: &mut impl FnMut(Minute)) {
        let until = watermark.floor(self.width).0;
        while let Some((at, sums)) = self.steps.first_key_value().map(|(at, _)| *at).and_then(|at| self.steps.remove_entry(&at)) {
            if at >= until {
                self.steps.insert(at, sums);
                break;
            }
            self.quiet(at, each);
            each(self.minute(at, sums));
            self.taken = Some(self.taken.map_or(Time(at + self.width), |taken| taken.max(Time(at + self.width))));
        }
        self.quiet(until, each);
        if self.names.len() > NAMES {
            self.names.clear();
        }
    }

    /// Hands out everything that is left: the end of the input.
    pub fn finish(&mut self, each: &mut impl FnMut(Minute)) {
        if let Some(last) = self.steps.last_key_value().map(|(at, _)| at + self.width) {
            self.take(Time(last), each);
        }
    }

    /// Steps without anything, up to a time.
    fn quiet(&mut self, until: i64, each: &mut impl FnMut(Minute)) {
        let Some(taken) = self.taken else { return };
        let mut at = taken.0;
        if until - at > LONGEST_QUIET {
            at = until - self.width;
        }
        while at < until {
            each(Minute { start: Time(at), end: Time(at + self.width), ..Minute::default() });
            at += self.width;
        }
        self.taken = Some(Time(at.max(taken.0)));
    }

    fn minute(&self, at: i64, sums: Sums) -> Minute {
        let mut cells: Vec<(Dimension, Arc<str>, Cell)> =
            sums.cells.into_iter().map(|((dimension, key), cell)| (dimension, key, cell)).collect();
        cells.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
        let logins = sums.logins.into_iter().map(|((user, client), (ok, failed))| Logins { user, client, ok, failed }).collect();
        Minute {
            start: Time(at),
            end: Time(at + self.width),
            cells,
            logins,
            samples: sums.samples,
            troubles: sums.troubles,
            gaps: sums.gaps,
            coverage: (sums.coverage.lines > 0).then_some(sums.coverage),
            ..Minute::default()
        }
    }

    fn sums(&mut self, time: Time) -> &mut Sums {
        self.steps.entry(time.floor(self.width).0).or_default()
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if name.is_empty() {
            return Arc::clone(&self.nothing);
        }
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let fresh: Arc<str> = Arc::from(name);
        self.names.insert(name.into(), Arc::clone(&fresh));
        fresh
    }

    /// Lets `add` add to the cell of each place.
    fn each_cell(&mut self, time: Time, places: &[(Dimension, &str)], mut add: impl FnMut(&mut Cell)) {
        for (dimension, key) in places {
            let name = self.name(key);
            let sums = self.sums(time);
            let place = (*dimension, name);
            if sums.cells.len() < KEYS || sums.cells.contains_key(&place) || *dimension == Dimension::All {
                add(sums.cells.entry(place).or_default());
            } else {
                self.dropped += 1;
            }
        }
    }

    fn one_message(&mut self, row: &MessageRow<'_>, sign: i64) {
        let marks = count::message(row);
        if marks.is_empty() {
            return;
        }
        let traffic = Traffic::of(row.population, row.direction);
        let mut places = vec![(Dimension::All, ""), (Dimension::SenderDomain, row.sender.domain)];
        places.extend((!row.sasl_user.is_empty()).then_some((Dimension::User, row.sasl_user)));
        self.each_cell(row.time, &places, |cell| marks.apply(&mut cell.figures_mut(traffic).counts, sign));
    }

    fn one_outcome(&mut self, row: &OutcomeRow<'_>, sign: i64) {
        let marks = count::outcome(row);
        let traffic = Traffic::of(row.population, row.direction);
        let mut places = vec![
            (Dimension::All, ""),
            (Dimension::Provider, row.provider),
            (Dimension::Domain, row.recipient.domain),
            (Dimension::SenderDomain, row.sender.domain),
        ];
        places.extend((!row.sasl_user.is_empty()).then_some((Dimension::User, row.sasl_user)));
        places.extend(row.reason.map(|reason| (Dimension::Reason, reason.word())));
        self.each_cell(row.time, &places, |cell| marks.apply(&mut cell.figures_mut(traffic).counts, sign));
    }

    fn sample(&mut self, row: &AttemptRow<'_>) {
        let wanted = row.population == Population::Ordinary && row.direction == Direction::Outbound;
        let reason = row.reason.unwrap_or_default();
        if !wanted || !count::is_refusal(row.status) || reason == Reason::Greylisted {
            return;
        }
        let samples = &mut self.sums(row.time).samples;
        if samples.len() >= SAMPLES {
            // Which one stands for it depends on the row alone, not on the order of batches.
            let place = (hash::words(&[row.id]) % SAMPLES as u64) as usize;
            samples[place].weight += 1;
            return;
        }
        let mut reply = row.reply_text.to_owned();
        if let Some((at, _)) = reply.char_indices().find(|(at, _)| *at >= REPLY_BYTES) {
            reply.truncate(at);
        }
        samples.push(Sample {
            time: row.time.0,
            weight: 1,
            provider: row.provider.to_owned(),
            reason: reason.word().to_owned(),
            domain: row.recipient.domain.to_owned(),
            sender: sender::normalised(row.sender),
            user: row.sasl_user.to_owned(),
            client: row.client_ip.to_owned(),
            sending_ip: own_address(row.reply_text).unwrap_or_default(),
            reply,
            permanent: row.status == Status::Bounced,
        });
    }
}

/// The address of ours that a refusal names, as many do (`[192.0.2.1] Our system has detected`, `your IP 192.0.2.1 is listed`): the first one
/// in what the far side says, so after its own.
fn own_address(reply: &str) -> Option<String> {
    let said = ["said: ", "]: "].iter().find_map(|end| reply.split_once(end)).map_or(reply, |(_, said)| said);

    let is_part = |character: char| character.is_ascii_hexdigit() || matches!(character, '.' | ':');
    let mut addresses = said.split(|character: char| !is_part(character)).filter_map(|word| {
        // Two dots or colons at least: no code and no time of day.
        let word = word.trim_matches(['.', ':']);
        (word.len() >= 7).then(|| word.parse::<std::net::IpAddr>().ok()).flatten()
    });
    addresses.find(|address| !address.is_loopback()).map(|address| address.to_string())
}

impl Sink for Fold {
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        if let Some(old) = replaced {
            self.one_message(old, -1);
        }
        self.one_message(row, 1);
    }

    fn attempt(&mut self, row: &AttemptRow<'_>) {
        let marks = count::attempt(row, row.time.floor(Time::MINUTE));
        if marks.is_empty() {
            return;
        }
        let traffic = Traffic::of(row.population, row.direction);
        let mut places = vec![
            (Dimension::All, ""),
            (Dimension::Provider, row.provider),
            (Dimension::Domain, row.recipient.domain),
            (Dimension::SenderDomain, row.sender.domain),
        ];
        places.extend((!row.sasl_user.is_empty()).then_some((Dimension::User, row.sasl_user)));
        places.extend((traffic == Traffic::DEFAULT && !row.client_ip.is_empty()).then_some((Dimension::Client, row.client_ip)));
        if let Some(reason) = row.reason {
            places.push((Dimension::Reason, reason.word()));
            places.extend(is_block(reason).then_some((Dimension::Blocked, row.provider)));
        }
        self.each_cell(row.time, &places, |cell| {
            let figures = cell.figures_mut(traffic);
            marks.apply(&mut figures.counts, 1);
            count::attempt_gap(row, figures);
        });
        self.sample(row);
    }

    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        if let Some(old) = replaced {
            self.one_outcome(old, -1);
        }
        self.one_outcome(row, 1);
    }

    fn rejection(&mut self, row: &RejectionRow<'_>) {
        let door = count::rejection(row);
        let mut places = vec![(Dimension::All, ""), (Dimension::Reason, row.reason.word())];
        places.extend((!row.sasl_user.is_empty()).then_some((Dimension::User, row.sasl_user)));
        self.each_cell(row.time, &places, |cell| cell.add_door(door, 1));
    }

    fn auth(&mut self, row: &AuthRow<'_>) {
        let door = count::auth(row);
        self.each_cell(row.time, &[(Dimension::All, "")], |cell| cell.add_door(door, 1));
        let (user, client) = (self.name(row.user), self.name(row.client_ip));
        let logins = &mut self.sums(row.time).logins;
        if logins.len() >= LOGINS && !logins.contains_key(&(Arc::clone(&user), Arc::clone(&client))) {
            self.dropped += 1;
            return;
        }
        let login = logins.entry((user, client)).or_default();
        match row.result {
            AuthResult::Ok => login.0 += 1,
            AuthResult::Failed => login.1 += 1,
        }
    }

    fn session(&mut self, row: &SessionRow<'_>) {
        self.each_cell(row.time, &[(Dimension::All, "")], |cell| cell.add_door(mailvane_metric::Door::Sessions, 1));
    }

    fn notice(&mut self, row: &NoticeRow<'_>) {
        if let Some(door) = count::notice(row) {
            self.each_cell(row.time, &[(Dimension::All, "")], |cell| cell.add_door(door, 1));
        }
        match row.level {
            Level::Info => {}
            Level::Gap => {
                let gap = Gap { source: row.stream.host.clone(), text: row.text.to_owned() };
                let gaps = &mut self.sums(row.time).gaps;
                if gaps.len() < GAPS {
                    gaps.push(gap);
                } else {
                    self.dropped += 1;
                }
            }
            level => {
                let kind = template::of(row.text);
                let troubles = &mut self.sums(row.time).troubles;
                if let Some(known) =
                    troubles.iter_mut().find(|known| known.level == level && known.daemon == row.daemon && known.template == kind)
                {
                    known.count += 1;
                } else if troubles.len() < TROUBLES {
                    troubles.push(Trouble { daemon: row.daemon.to_owned(), level, template: kind, sample: row.text.to_owned(), count: 1 });
                } else {
                    self.dropped += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mailvane_metric::Figure;
    use mailvane_model::Address;

    use super::*;

    #[test]
    fn the_address_of_ours_is_taken_from_what_the_far_side_says() {
        for (reply, address) in [
            ("host mx.example.net[198.51.100.7] said: 550-5.7.1 [192.0.2.1] Our system has detected", Some("192.0.2.1")),
            ("550 5.7.1 Your IP 2001:db8::1, is listed; 12:30:01", Some("2001:db8::1")),
            ("host mx.example.net[198.51.100.7] said: 550 5.1.1 unknown (in reply to RCPT TO command)", None),
            ("SMTP error from remote mail server after RCPT TO:<a@b.example>: host mx.b.example [198.51.100.7]: 554 no", None),
            ("451 4.7.650 The mail server [192.0.2.9] has been temporarily rate limited", Some("192.0.2.9")),
        ] {
            assert_eq!(own_address(reply).as_deref(), address, "{reply}");
        }
    }

    fn attempt(id: u64, second: i64, status: Status) -> AttemptRow<'static> {
        AttemptRow {
            id,
            time: Time::from_seconds(second),
            recipient: Address { local: "a", domain: "example.net" },
            sender: Address { local: "b", domain: "example.com" },
            provider: "google",
            direction: Direction::Outbound,
            status,
            reason: (status != Status::Delivered).then_some(Reason::Reputation),
            contacted: true,
            attempt: 1,
            reply_text: "550 5.7.1 no",
            ..AttemptRow::default()
        }
    }

    #[test]
    fn minutes_come_in_order_with_the_empty_ones_and_the_late_ones() {
        let mut fold = Fold::new(Time::MINUTE);
        fold.attempt(&attempt(1, 10, Status::Delivered));
        fold.attempt(&attempt(2, 200, Status::Bounced));
        let mut starts = Vec::new();
        fold.take(Time::from_seconds(190), &mut |minute| starts.push((minute.start.seconds(), minute.cells.len())));
        assert_eq!(starts, [(0, 4), (60, 0), (120, 0)]);
        fold.attempt(&attempt(3, 70, Status::Delivered));
        starts.clear();
        fold.take(Time::from_seconds(240), &mut |minute| starts.push((minute.start.seconds(), minute.cells.len())));
        assert_eq!(starts, [(60, 4), (180, 6)]);
    }

    #[test]
    fn a_failure_stands_in_its_cells_and_as_a_sample() {
        let mut fold = Fold::new(10 * Time::SECOND);
        for id in 0..120 {
            fold.attempt(&attempt(id, 3, Status::Bounced));
        }
        let mut minutes = Vec::new();
        fold.finish(&mut |minute| minutes.push(minute));
        assert_eq!(minutes.len(), 1);
        let minute = &minutes[0];
        let blocked = minute.cells.iter().find(|cell| cell.0 == Dimension::Blocked && &*cell.1 == "google").unwrap();
        assert_eq!(blocked.2.get(Traffic::DEFAULT, Figure::RefusedAttempts), 120);
        assert_eq!(minute.samples.len(), SAMPLES);
        assert_eq!(minute.samples.iter().map(|sample| sample.weight).sum::<u32>(), 120);
    }

    #[test]
    fn a_very_long_time_without_anything_is_passed_over() {
        let mut fold = Fold::new(Time::MINUTE);
        fold.line(Time::from_seconds(0), false);
        fold.line(Time(400 * Time::DAY), true);
        let mut minutes = 0;
        fold.finish(&mut |_| minutes += 1);
        assert!(minutes < 10, "{minutes}");
    }
}
