//! A simulated host, as minutes of cells: users, an application with batches, a weekly newsletter, holidays, greylisting,
//! dead destinations that are retried for days, guessing, rejected spam, and incidents.

use std::sync::Arc;

use mailvane_alert::Minute;
use mailvane_alert::input::{Dimension, Logins, Trouble};
use mailvane_metric::{Cell, Door, Figure, Spread, Traffic};
use mailvane_model::Time;
use mailvane_model::word::{Direction, Level, Population};

use crate::chance::Chance;
use crate::incident::{Incident, Kind, Rates, plan};

/// Monday 2 Nov 2026, 00:00 UTC.
const BEGIN: i64 = 1_793_577_600 * Time::SECOND;
/// Days of a host-month.
pub(crate) const DAYS: i64 = 30;
/// Incidents begin after the first days, in which the rules learn.
const FIRST_INCIDENT: i64 = 9;
const PROVIDERS: [(&str, f64); 8] = [
    ("google", 0.34),
    ("microsoft", 0.22),
    ("yahoo", 0.11),
    ("gmx", 0.09),
    ("apple", 0.07),
    ("telekom", 0.05),
    ("orange", 0.03),
    ("proofpoint", 0.02),
];
/// Small destinations, the last of which are dead.
const SMALL: usize = 24;
const DEAD: usize = 4;
const SENDERS: [&str; 3] = ["example.com", "app.example.com", "news.example.com"];
/// Minutes until each retry after the first, then every 66 minutes.
const RETRIES: [i64; 5] = [5, 10, 20, 40, 60];
const LIFETIME: i64 = 5 * 1440;
const OFFICE: [f64; 24] =
    [0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 0.9, 2.8, 7.0, 9.6, 10.0, 9.2, 7.0, 7.8, 9.0, 8.8, 7.6, 5.6, 3.2, 2.2, 1.8, 1.5, 1.0, 0.5];
const MACHINE: [f64; 24] =
    [3.0, 9.0, 4.2, 3.0, 3.0, 3.2, 3.8, 4.8, 6.2, 7.6, 8.4, 8.6, 9.0, 8.8, 8.6, 8.4, 8.2, 8.0, 7.8, 8.0, 8.2, 7.0, 5.2, 3.8];
const OFFICE_WEEK: [f64; 7] = [1.05, 1.1, 1.08, 1.04, 0.9, 0.16, 0.12];
const INBOUND: Traffic = Traffic::of(Population::Ordinary, Direction::Inbound);
const NOTICES_OUT: Traffic = Traffic::of(Population::Notification, Direction::Outbound);
const NOTICES_IN: Traffic = Traffic::of(Population::Notification, Direction::Inbound);

/// A recipient that waits for a retry.
#[derive(Clone, Copy)]
struct Waiting {
    provider: usize,
    sender: usize,
    user: usize,
    arrived: i64,
    last: i64,
    tries: usize,
    greylisted: bool,
}

/// How one try ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Accepted,
    Refused { block: bool },
    Deferred { block: bool, greylisted: bool },
}

/// The cells of one minute, by place.
struct Cells {
    all: Cell,
    providers: Vec<Cell>,
    blocked: Vec<Cell>,
    senders: Vec<Cell>,
    users: Vec<Cell>,
}

/// One host.
pub(crate) struct Host {
    pub(crate) seed: u64,
    chance: Chance,
    per_day: f64,
    minute: i64,
    providers: Vec<Arc<str>>,
    provider_sums: Vec<f64>,
    trouble_share: Vec<(f64, f64)>,
    users: Vec<Arc<str>>,
    user_sums: Vec<f64>,
    homes: Vec<Arc<str>>,
    holidays: Vec<i64>,
    /// Batches of the application: minute and size.
    batches: Vec<(i64, u32)>,
    waiting: std::collections::BTreeMap<i64, Vec<Waiting>>,
    pub(crate) incidents: Vec<Incident>,
    cells: Cells,
    names: (Arc<str>, Vec<Arc<str>>),
}

impl Host {
    pub(crate) fn new(seed: u64, per_day: f64, with_incidents: bool) -> Self {
        let mut chance = Chance::new(seed);
        let mut providers: Vec<Arc<str>> = PROVIDERS.iter().map(|(name, _)| Arc::from(*name)).collect();
        let mut weights: Vec<f64> = PROVIDERS.iter().map(|(_, share)| share * (0.5 + chance.part())).collect();
        for small in 0..SMALL {
            providers.push(Arc::from(format!("mx{small}.example")));
            weights.push(if small >= SMALL - DEAD { 0.0006 } else { 0.004 * (0.2 + chance.part()) });
        }
        let trouble_share = (0..providers.len()).map(|_| (0.003 + chance.part() * 0.02, 0.005 + chance.part() * 0.04)).collect();
        let count = ((per_day / 25.0) as usize).clamp(3, 60);
        let user_weights: Vec<f64> = (0..count).map(|number| 1.0 / (number + 1) as f64).collect();
        let users: Vec<Arc<str>> = (0..count).map(|number| Arc::from(format!("user{number}"))).collect();
        let homes = (0..count).map(|number| Arc::from(format!("198.51.100.{number}"))).collect();
        let holidays = (0..chance.below(3)).map(|_| 8 + chance.below(DAYS as usize - 9) as i64).collect();
        let mut batches = Vec::new();
        for day in 0..DAYS {
            for _ in 0..chance.below(4) {
                let mean = per_day * (0.01 + 0.06 * chance.part());
                let size = chance.poisson(mean);
                batches.push((day * 1440 + chance.below(1440) as i64, size));
            }
            if day % 7 == 1 {
                // The newsletter: Tuesday at ten.
                batches.push((day * 1440 + 600, chance.poisson(per_day * 0.8)));
            }
        }
        let cells = Cells {
            all: Cell::default(),
            providers: vec![Cell::default(); providers.len()],
            blocked: vec![Cell::default(); providers.len()],
            senders: vec![Cell::default(); SENDERS.len()],
            users: vec![Cell::default(); count],
        };
        let names = (Arc::from(""), SENDERS.iter().map(|name| Arc::from(*name)).collect());
        let mut host = Host {
            seed,
            per_day,
            minute: 0,
            provider_sums: sums(&weights),
            providers,
            trouble_share,
            users,
            user_sums: sums(&user_weights),
            homes,
            holidays,
            batches,
            waiting: std::collections::BTreeMap::new(),
            incidents: Vec::new(),
            cells,
            names,
            chance,
        };
        if with_incidents {
            host.plan(&weights, &user_weights);
        }
        host
    }

    fn plan(&mut self, weights: &[f64], user_weights: &[f64]) {
        let per_minute = self.per_day / 1440.0;
        let part = |weights: &[f64], share: f64| -> Vec<f64> {
            let all: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / all * share * per_minute).collect()
        };
        let (providers, users) = (part(weights, 1.0), part(user_weights, 0.45));
        let senders = [per_minute * 0.45, per_minute * 0.45, per_minute * 0.1];
        let rates = Rates { providers: &providers, senders: &senders, users: &users, outbound: per_minute, inbound: per_minute * 0.7 };
        self.incidents = plan(&mut self.chance, &rates, FIRST_INCIDENT * 1440, DAYS * 1440);
    }

    fn is_holiday(&self, minute: i64) -> bool {
        self.holidays.contains(&(minute / 1440))
    }

    /// The next minute, or `None` when the month is over.
    pub(crate) fn next(&mut self) -> Option<Minute> {
        let minute = self.minute;
        if minute >= DAYS * 1440 {
            return None;
        }
        self.minute += 1;
        let start = Time(BEGIN + minute * Time::MINUTE);
        let mut out = Minute { start, end: start.plus(Time::MINUTE), ..Minute::default() };
        self.submit(minute);
        self.retry(minute);
        self.inbound(minute);
        self.logins(minute, &mut out);
        self.events(minute, &mut out);
        self.flush(&mut out);
        Some(out)
    }

    /// New messages of users, of the application, and of its batches.
    fn submit(&mut self, minute: i64) {
        let (hour, day) = ((minute / 60 % 24) as usize, (minute / 1440 % 7) as usize);
        let per_minute = self.per_day / 1440.0;
        let holiday = self.is_holiday(minute);
        let office = OFFICE[hour] * 24.0 / 97.1 * OFFICE_WEEK[day] / 0.78 * if holiday { 0.05 } else { 1.0 };
        let machine = MACHINE[hour] * 24.0 / 153.8 * if holiday { 0.8 } else { 1.0 };
        let people = self.chance.poisson(per_minute * 0.45 * office);
        for _ in 0..people {
            let user = self.chance.weighted(&self.user_sums);
            // What the owner of a hijacked account sends belongs to its mail, too.
            let own = |one: &&mut Incident| one.is_on(minute) && matches!(one.kind, Kind::Hijack | Kind::BadList) && one.target == user;
            self.incidents.iter_mut().find(own).into_iter().for_each(|one| one.note(minute, false));
            self.send(minute, 0, user, false);
        }
        let silent = self.incidents.iter().position(|one| one.kind == Kind::SenderSilent && one.is_on(minute));
        let mut program = self.chance.poisson(per_minute * 0.45 * machine);
        let mut news = 0;
        for (at, size) in &mut self.batches {
            if *at <= minute && *size > 0 {
                // A batch goes out within half an hour, a newsletter too.
                let now = (*size).min((*size / 30).max(3));
                *size -= now;
                if minute % 10080 / 1440 == 1 && (600..700).contains(&(minute % 1440)) { news += now } else { program += now }
            }
        }
        if let Some(at) = silent {
            (0..program).for_each(|_| self.incidents[at].note(minute, true));
            program = 0;
        }
        for _ in 0..program {
            self.send(minute, 1, usize::MAX, false);
        }
        for _ in 0..news {
            let dead = self.chance.is(0.03);
            self.send(minute, 2, usize::MAX, dead);
        }
        self.abuse(minute);
    }

    /// A hijacked account, or somebody's dead list.
    fn abuse(&mut self, minute: i64) {
        for at in 0..self.incidents.len() {
            let one = &self.incidents[at];
            if !one.is_on(minute) || !matches!(one.kind, Kind::Hijack | Kind::BadList) {
                continue;
            }
            let (user, rate) = (one.target, f64::from(one.size) / (one.end - one.start) as f64);
            let dead = if one.kind == Kind::Hijack { 0.3 } else { 0.4 };
            for _ in 0..self.chance.poisson(rate) {
                self.incidents[at].note(minute, true);
                let is_dead = self.chance.is(dead);
                self.send(minute, 0, user, is_dead);
            }
        }
    }

    fn send(&mut self, minute: i64, sender: usize, user: usize, dead: bool) {
        let provider = self.chance.weighted(&self.provider_sums);
        let message = Waiting { provider, sender, user, arrived: minute, last: minute, tries: 0, greylisted: false };
        let end = if dead { End::Refused { block: false } } else { self.fate(minute, &message, true) };
        for cell in self.places(&message) {
            let figures = cell.figures_mut(Traffic::DEFAULT);
            figures.add(Figure::Received, 1);
        }
        self.attempt(minute, message, end);
    }

    /// How a try ends: by the incidents, or by the ordinary troubles of this provider.
    fn fate(&mut self, minute: i64, message: &Waiting, first: bool) -> End {
        for at in 0..self.incidents.len() {
            let one = &self.incidents[at];
            let (kind, share) = (one.kind, one.share);
            let meant = match kind {
                Kind::Refusal | Kind::Throttle | Kind::Unreachable => one.target == message.provider,
                Kind::SenderBroken => one.target == message.sender,
                Kind::NoWayOut => true,
                _ => false,
            };
            if !meant || !one.is_on(minute) {
                continue;
            }
            let touched = self.chance.is(share);
            if first {
                self.incidents[at].note(minute, touched);
            }
            if touched {
                return match kind {
                    Kind::Refusal | Kind::SenderBroken => End::Refused { block: true },
                    Kind::Throttle => End::Deferred { block: true, greylisted: false },
                    _ => End::Deferred { block: false, greylisted: false },
                };
            }
        }
        let small = message.provider >= PROVIDERS.len();
        if message.provider >= self.providers.len() - DEAD {
            return End::Deferred { block: false, greylisted: false };
        }
        if small && first && message.provider.is_multiple_of(3) {
            return End::Deferred { block: false, greylisted: true };
        }
        let (bounces, deferrals) = self.trouble_share[message.provider];
        if first && self.chance.is(bounces) {
            let block = self.chance.is(0.05);
            return End::Refused { block };
        }
        if self.chance.is(if first { deferrals } else { 0.3 }) && !message.greylisted {
            return End::Deferred { block: self.chance.is(0.1), greylisted: false };
        }
        End::Accepted
    }

    fn places(&mut self, message: &Waiting) -> impl Iterator<Item = &mut Cell> {
        let Cells { all, providers, senders, users, .. } = &mut self.cells;
        let user = users.get_mut(message.user);
        [all, &mut providers[message.provider], &mut senders[message.sender]].into_iter().chain(user)
    }

    fn attempt(&mut self, minute: i64, mut message: Waiting, end: End) {
        let first = message.tries == 0;
        let gap = (minute - message.last) * 60;
        let expired = matches!(end, End::Deferred { .. }) && minute - message.arrived >= LIFETIME;
        let count = |cell: &mut Cell| {
            let figures = cell.figures_mut(Traffic::DEFAULT);
            figures.add(Figure::Attempts, 1);
            figures.add(Figure::Recipients, 1);
            if first {
                figures.add(Figure::RecipientsFirstTried, 1);
            }
            match end {
                End::Accepted => {
                    figures.add(Figure::Accepted, 1);
                    figures.add(Figure::Delivered, 1);
                }
                End::Refused { .. } => {
                    figures.add(Figure::RefusedAttempts, 1);
                    figures.add(Figure::Bounced, 1);
                }
                End::Deferred { greylisted, .. } => {
                    figures.add(Figure::DeferredAttempts, 1);
                    figures.add(Figure::RecipientsDeferred, 1);
                    if greylisted {
                        figures.add(Figure::RecipientsGreylisted, 1);
                    }
                    if first {
                        figures.add(Figure::RecipientsFirstDeferred, 1);
                    }
                }
            }
            if !first {
                let spread = if matches!(end, End::Deferred { .. }) { Spread::DeferredGap } else { Spread::FinalGap };
                figures.spread_mut(spread).record(gap.unsigned_abs());
                if !matches!(end, End::Deferred { .. }) || expired {
                    figures.add(Figure::FinalDeferred, 1);
                    figures.add(Figure::FinalGreylisted, i64::from(message.greylisted));
                }
            }
            if expired {
                figures.add(Figure::Expired, 1);
            }
        };
        self.places(&message).for_each(&count);
        if matches!(end, End::Refused { block: true } | End::Deferred { block: true, .. }) {
            count(&mut self.cells.blocked[message.provider]);
        }
        if let End::Deferred { greylisted, .. } = end
            && !expired
        {
            let wait = RETRIES.get(message.tries).copied().unwrap_or(66);
            message.tries += 1;
            message.last = minute;
            message.greylisted |= greylisted;
            self.waiting.entry(minute + wait).or_default().push(message);
        }
    }

    fn retry(&mut self, minute: i64) {
        for message in self.waiting.remove(&minute).unwrap_or_default() {
            let end = self.fate(minute, &message, false);
            self.attempt(minute, message, end);
        }
    }

    /// Mail that comes in, spam that is turned away, notices both ways.
    fn inbound(&mut self, minute: i64) {
        let hour = (minute / 60 % 24) as usize;
        let mut mean = self.per_day * 0.7 / 1440.0 * MACHINE[hour] * 24.0 / 153.8 * if self.is_holiday(minute) { 0.6 } else { 1.0 };
        let mut refused_now = 0;
        for one in &mut self.incidents {
            if one.is_on(minute) && matches!(one.kind, Kind::InboundSilent | Kind::PolicyDown) {
                let lost = self.chance.poisson(mean);
                (0..lost).for_each(|_| one.note(minute, true));
                // Senders come back for what was put off.
                refused_now += if one.kind == Kind::PolicyDown { lost * 2 } else { 0 };
                mean = 0.0;
            }
        }
        let received = self.chance.poisson(mean);
        let silent = self.incidents.iter().any(|one| one.kind == Kind::InboundSilent && one.is_on(minute));
        let spam = if silent { 0 } else { self.chance.poisson(0.3 + self.per_day / 1440.0 * 0.9) };
        let greylisted = if silent { 0 } else { self.chance.poisson(0.05 + self.per_day / 1440.0 * 0.1) };
        let mut notices_out = self.chance.poisson(self.per_day / 1440.0 * 0.003 + 0.001);
        let mut notices_in = self.chance.poisson(self.per_day / 1440.0 * 0.006 + 0.001);
        for one in &mut self.incidents {
            if one.is_on(minute) && matches!(one.kind, Kind::Backscatter | Kind::Forged) {
                let wave = self.chance.poisson(f64::from(one.size) / (one.end - one.start) as f64);
                (0..wave).for_each(|_| one.note(minute, true));
                let others = if one.kind == Kind::Backscatter { notices_out } else { notices_in };
                (0..others).for_each(|_| one.note(minute, false));
                if one.kind == Kind::Backscatter { notices_out += wave } else { notices_in += wave }
            }
        }
        let all = &mut self.cells.all;
        for (traffic, figure, count) in [
            (INBOUND, Figure::Received, received),
            (NOTICES_OUT, Figure::Attempts, notices_out),
            (NOTICES_IN, Figure::Received, notices_in),
        ] {
            if count > 0 {
                all.figures_mut(traffic).add(figure, i64::from(count));
            }
        }
        all.add_door(Door::Rejected, i64::from(spam));
        all.add_door(Door::RejectedTemporarily, i64::from(greylisted + refused_now));
    }

    /// Users log in from home, now and then from elsewhere; the world guesses all day.
    fn logins(&mut self, minute: i64, out: &mut Minute) {
        let active = self.chance.poisson(0.02 + (self.users.len() as f64) / 240.0);
        for _ in 0..active {
            let user = self.chance.below(self.users.len());
            let travels = self.chance.is(0.002);
            let client = if travels { Arc::from(format!("203.0.113.{}", self.chance.below(200))) } else { Arc::clone(&self.homes[user]) };
            let failed = u32::from(self.chance.is(0.02));
            out.logins.push(Logins { user: Arc::clone(&self.users[user]), client, ok: 1, failed });
        }
        let guesses = self.chance.poisson(0.4);
        for _ in 0..guesses {
            let (user, client) = (self.chance.below(400), self.chance.below(30));
            let user = if user < self.users.len() { Arc::clone(&self.users[user]) } else { Arc::from(format!("guess{user}")) };
            out.logins.push(Logins { user, client: Arc::from(format!("192.0.2.{client}")), ok: 0, failed: 1 });
        }
        for at in 0..self.incidents.len() {
            let one = &mut self.incidents[at];
            if one.kind == Kind::Guessed && one.is_on(minute) {
                let is_last = minute + 1 == one.end;
                let failed = self.chance.poisson(f64::from(one.size) / (one.end - one.start) as f64);
                (0..failed).for_each(|_| one.note(minute, true));
                if is_last {
                    // There is nothing to be found before the password was.
                    one.first = Some(minute);
                }
                // Each from a network of its own: a second one from the network of the first would be no news.
                let client = Arc::from(format!("198.18.{}.7", at % 250));
                let user = Arc::clone(&self.users[one.target]);
                out.logins.push(Logins { user, client, ok: u32::from(is_last), failed });
            }
        }
        let failed: u32 = out.logins.iter().map(|login| login.failed).sum();
        self.cells.all.add_door(Door::AuthFailed, i64::from(failed));
    }

    /// Warnings of daemons that mean nothing.
    fn events(&mut self, _minute: i64, out: &mut Minute) {
        if self.chance.is(0.01) {
            let text = "hostname dialup.example does not resolve to address 192.0.2.1";
            out.troubles.push(Trouble {
                daemon: "smtpd".into(),
                level: Level::Warning,
                template: text.into(),
                sample: text.into(),
                count: 1,
            });
        }
    }

    fn flush(&mut self, out: &mut Minute) {
        let Cells { all, providers, blocked, senders, users } = &mut self.cells;
        let empty = Cell::default();
        let mut put = |dimension: Dimension, key: &Arc<str>, cell: &mut Cell| {
            if *cell != empty {
                out.cells.push((dimension, Arc::clone(key), std::mem::take(cell)));
            }
        };
        put(Dimension::All, &self.names.0, all);
        let keyed = |dimension| move |(key, cell)| (dimension, key, cell);
        let all_keyed = self.providers.iter().zip(providers).map(keyed(Dimension::Provider));
        let all_keyed = all_keyed.chain(self.providers.iter().zip(blocked).map(keyed(Dimension::Blocked)));
        let all_keyed = all_keyed.chain(self.names.1.iter().zip(senders).map(keyed(Dimension::SenderDomain)));
        for (dimension, key, cell) in all_keyed.chain(self.users.iter().zip(users).map(keyed(Dimension::User))) {
            put(dimension, key, cell);
        }
    }

    /// The key of an incident's target in the labels of alerts.
    pub(crate) fn target(&self, incident: &Incident) -> String {
        match incident.kind {
            Kind::Refusal | Kind::Throttle | Kind::Unreachable => self.providers[incident.target].to_string(),
            Kind::SenderBroken | Kind::SenderSilent => SENDERS[incident.target].to_owned(),
            Kind::Hijack | Kind::BadList | Kind::Guessed => self.users[incident.target].to_string(),
            _ => String::new(),
        }
    }
}

fn sums(weights: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    weights
        .iter()
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect()
}

/// The minute of the simulation that holds a log time.
pub(crate) fn minute_of(time: i64) -> i64 {
    (time - BEGIN) / Time::MINUTE
}
