//! What is to be sent, is being sent and was sent. Pure: the caller keeps every change before it sends, and again after it knows the answer,
//! so that a crash repeats a notice at most once, with the same id, and loses none.
//!
//! A route that refuses, defers or is not reachable hands over to the next one at once; after the last one there is a pause. A mail that went
//! by the server that is watched counts when its log says that it was delivered. A page that nobody acknowledged goes out a second
//! time by a route of another kind.

use std::collections::{BTreeMap, BTreeSet};

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use super::route::{Own, Receiver, Way, is_watched};
use super::send::{Said, Tried};
use crate::event::{Notice, NoticeKind};
use crate::rule::Severity;

/// Notices on their way, and those that were sent, at most; see [`Outbox::dropped`].
const DELIVERIES: usize = 2_000;
/// Notices to one receiver in an hour; more wait. Pages have as many again.
const HOURLY: usize = 60;
/// Tries that are remembered of one notice.
const TRIES: usize = 40;
/// How long after the last route the first is tried again, round by round.
const PAUSES: [i64; 5] = [Time::MINUTE, 5 * Time::MINUTE, 15 * Time::MINUTE, 30 * Time::MINUTE, Time::HOUR];
/// After this time nobody is served by the news any more.
const GIVE_UP: i64 = Time::DAY;
/// How long what was sent is remembered.
const KEEP: i64 = 7 * Time::DAY;

/// How far a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Standing {
    /// It is to be sent at this time, on the wall.
    Waiting {
        /// When.
        due: i64,
    },
    /// It is being sent: whether it got out is not known.
    Sending {
        /// Since when.
        since: i64,
    },
    /// A route took it.
    Accepted {
        /// When.
        at: i64,
    },
    /// Our log says that the server of the mailbox took it.
    Delivered {
        /// When.
        at: i64,
    },
    /// No route took it for so long that it was given up.
    GivenUp {
        /// When.
        at: i64,
    },
}

/// A mail that was accepted, to be found again in our log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The queue id in the reply.
    pub queue_id: String,
    /// Whether the log said that it was delivered.
    pub delivered: bool,
}

/// What the log says of a mail of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// The next system has it.
    Delivered,
    /// It waits for a retry, or was refused or expired.
    Failed,
}

/// One notice to one receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The notice's id and the receiver.
    pub id: String,
    /// What is told.
    pub notice: Notice,
    /// To whom.
    pub receiver: String,
    /// When it was made, on the wall.
    pub made: i64,
    /// The places of the routes, in order.
    pub order: Vec<usize>,
    /// Which of them is next, or carried it.
    pub place: usize,
    /// How often all of them were tried in vain.
    pub round: u32,
    /// How far it is.
    pub standing: Standing,
    /// Whether a crash made us send it again: that happens once.
    pub repeated: bool,
    /// Whether it went out by a second kind of route because nobody acknowledged.
    pub again: bool,
    /// Whether our log must tell of its delivery.
    pub expects_log: bool,
    /// What to look for in our log.
    pub follows: Vec<Follow>,
    /// What was tried, and what came of it.
    pub tries: Vec<Tried>,
    /// Recipients of mail that have it: they do not get it again when another of them was refused.
    #[serde(default)]
    pub reached: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    all: BTreeMap<String, Delivery>,
    changed: BTreeSet<String>,
    /// Notices that found no place.
    pub dropped: u64,
}

impl Outbox {
    /// Goes on with what was kept. What was being sent when we stopped is sent once more, with the same id.
    pub fn restore(kept: impl IntoIterator<Item = Delivery>, wall: i64) -> Self {
        let mut outbox = Outbox { all: kept.into_iter().map(|kept| (kept.id.clone(), kept)).collect(), ..Outbox::default() };
        for delivery in outbox.all.values_mut().filter(|delivery| matches!(delivery.standing, Standing::Sending { .. })) {
            outbox.changed.insert(delivery.id.clone());
            if delivery.repeated {
                delivery.note(Tried::unknown("stopped twice while sending: it may have been sent"), wall);
                delivery.next(wall);
            } else {
                delivery.repeated = true;
                delivery.standing = Standing::Waiting { due: wall };
            }
        }
        outbox
    }

    /// Takes a notice in, for each receiver that is meant and has a route for it. `avoid_own`: routes that end on this host come last.
    pub fn add(&mut self, notice: &Notice, receivers: &[Receiver], own: &Own, avoid_own: bool, wall: i64) {
        let is_meant = |receiver: &&Receiver| notice.receivers.is_empty() || notice.receivers.contains(&receiver.name);
        for receiver in receivers.iter().filter(is_meant) {
            let id = format!("{}@{}", notice.id, receiver.name);
            let order = receiver.order(notice.severity, own, avoid_own);
            if order.is_empty() || self.all.contains_key(&id) {
                continue;
            }
            if self.all.len() >= DELIVERIES && !self.make_room() {
                self.dropped += 1;
                continue;
            }
            let delivery = Delivery {
                id: id.clone(),
                notice: notice.clone(),
                receiver: receiver.name.clone(),
                made: wall,
                order,
                place: 0,
                round: 0,
                standing: Standing::Waiting { due: self.first_due(&receiver.name, notice.severity, wall) },
                repeated: false,
                again: false,
                expects_log: false,
                follows: Vec::new(),
                tries: Vec::new(),
                reached: Vec::new(),
            };
            self.changed.insert(id.clone());
            self.all.insert(id, delivery);
        }
    }

    /// When a fresh notice may go: at once, unless the receiver had too many in this hour.
    fn first_due(&self, receiver: &str, severity: Severity, wall: i64) -> i64 {
        let limit = if severity == Severity::Page { 2 * HOURLY } else { HOURLY };
        let mut made: Vec<i64> = self
            .all
            .values()
            .filter(|known| known.receiver == receiver && known.made > wall - Time::HOUR)
            .map(|known| known.made)
            .collect();
        if made.len() < limit {
            return wall;
        }
        made.sort_unstable_by_key(|made| std::cmp::Reverse(*made));
        made.get(limit - 1).map_or(wall, |oldest| oldest + Time::HOUR)
    }

    /// Forgets the oldest that is done.
    fn make_room(&mut self) -> bool {
        let done = self.all.values().filter(|delivery| delivery.is_done()).min_by_key(|delivery| delivery.made);
        let Some(id) = done.map(|delivery| delivery.id.clone()) else { return false };
        self.all.remove(&id);
        self.changed.insert(id);
        true
    }

    /// Ends that wait for older news of their incident to the same receiver: nobody hears of an end before its beginning. An alarm waits for
    /// nothing: what it follows may be stuck on a route of its own.
    fn held(&self) -> BTreeSet<String> {
        let open = || self.all.values().filter(|delivery| !delivery.is_done() && !delivery.notice.incident.is_empty());
        let mut alarms: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for delivery in open().filter(|delivery| delivery.notice.kind != NoticeKind::Resolved) {
            let first = alarms.entry(delivery.about()).or_insert(delivery.made);
            *first = delivery.made.min(*first);
        }
        let waits = |delivery: &&Delivery| alarms.get(&delivery.about()).is_some_and(|first| *first <= delivery.made);
        open().filter(|delivery| delivery.notice.kind == NoticeKind::Resolved).filter(waits).map(|delivery| delivery.id.clone()).collect()
    }

    /// What is to be sent now. Each is noted as being sent: keep that, then send.
    pub fn due(&mut self, wall: i64) -> Vec<Delivery> {
        let mut due = Vec::new();
        let held = self.held();
        for delivery in self.all.values_mut() {
            if let Standing::Waiting { due: at } = delivery.standing
                && at <= wall
                && !held.contains(&delivery.id)
            {
                delivery.standing = Standing::Sending { since: wall };
                self.changed.insert(delivery.id.clone());
                due.push(delivery.clone());
            }
        }
        due.sort_by_key(|delivery| (std::cmp::Reverse(delivery.notice.severity), delivery.made));
        due
    }

    /// Takes note of what came of sending.
    pub fn answered(&mut self, id: &str, tried: Tried, receiver: Option<&Receiver>, own: &Own, wall: i64) {
        let Some(delivery) = self.all.get_mut(id) else { return };
        self.changed.insert(id.to_owned());
        let said = tried.said;
        for address in &tried.reached {
            if !delivery.reached.contains(address) {
                delivery.reached.push(address.clone());
            }
        }
        delivery.follows = tried.queue_ids.iter().map(|queue_id| Follow { queue_id: queue_id.clone(), delivered: false }).collect();
        delivery.note(tried, wall);
        match said {
            Said::Accepted => {
                let route = delivery.order.get(delivery.place).and_then(|place| receiver?.routes.get(*place));
                delivery.expects_log = route.is_some_and(|route| matches!(&route.way, Way::Smtp { relay, .. } if is_watched(relay, own)));
                delivery.standing = Standing::Accepted { at: wall };
            }
            // Who will never take it does not keep it from being done for the others.
            Said::Refused if !delivery.reached.is_empty() && delivery.place + 1 >= delivery.order.len() => {
                delivery.standing = Standing::Accepted { at: wall };
            }
            Said::Refused | Said::Deferred => delivery.next(wall),
        }
    }

    /// The queue ids that are looked for in our log.
    pub fn followed(&self) -> BTreeSet<String> {
        let open = self.all.values().filter(|delivery| matches!(delivery.standing, Standing::Accepted { .. }));
        open.flat_map(|delivery| delivery.follows.iter().filter(|follow| !follow.delivered).map(|follow| follow.queue_id.clone())).collect()
    }

    /// Our log tells that a mail of ours went on here under another queue id, to be followed from now on.
    pub fn handed_on(&mut self, queue_id: &str, next: &str) {
        for delivery in self.all.values_mut().filter(|delivery| matches!(delivery.standing, Standing::Accepted { .. })) {
            if let Some(follow) = delivery.follows.iter_mut().find(|follow| follow.queue_id == queue_id) {
                next.clone_into(&mut follow.queue_id);
                self.changed.insert(delivery.id.clone());
            }
        }
    }

    /// Our log tells of a mail of ours.
    pub fn logged(&mut self, queue_id: &str, logged: Logged, text: &str, wall: i64) {
        for delivery in self.all.values_mut().filter(|delivery| matches!(delivery.standing, Standing::Accepted { .. })) {
            let Some(follow) = delivery.follows.iter_mut().find(|follow| follow.queue_id == queue_id) else { continue };
            self.changed.insert(delivery.id.clone());
            match logged {
                Logged::Delivered => {
                    follow.delivered = true;
                    if delivery.follows.iter().all(|follow| follow.delivered) {
                        delivery.standing = Standing::Delivered { at: wall };
                    }
                }
                Logged::Failed => {
                    delivery.note(Tried::unknown(&format!("our log says of {queue_id}: {text}")), wall);
                    delivery.reached.clear();
                    delivery.next(wall);
                }
            }
        }
    }

    /// Lets time pass: what is not delivered in time takes the next route, what nobody acknowledged goes out again, what is old is forgotten.
    /// `is_open`: whether an incident goes on and nobody has acknowledged it.
    pub fn tick(&mut self, receivers: &[Receiver], is_open: impl Fn(&str) -> bool, wall: i64) {
        for delivery in self.all.values_mut() {
            let receiver = receivers.iter().find(|known| known.name == delivery.receiver);
            let (Standing::Accepted { at } | Standing::Delivered { at }) = delivery.standing else { continue };
            let Some(receiver) = receiver else { continue };
            let is_late =
                delivery.expects_log && matches!(delivery.standing, Standing::Accepted { .. }) && wall - at >= receiver.accept_within;
            if is_late && wall - delivery.made < GIVE_UP {
                delivery.note(Tried::unknown("accepted, but the log of the server that is watched tells of no delivery"), wall);
                if delivery.place + 1 < delivery.order.len() {
                    delivery.reached.clear();
                    delivery.next(wall);
                } else {
                    // There is no other way; once more by this one would say the same again, perhaps to somebody who has it.
                    delivery.expects_log = false;
                }
                self.changed.insert(delivery.id.clone());
            } else if wall - at >= receiver.again_after
                && wall - delivery.made < GIVE_UP
                && delivery.goes_out_again(receiver, &is_open, wall)
            {
                self.changed.insert(delivery.id.clone());
            }
        }
        let old: Vec<String> = self
            .all
            .values()
            .filter(|delivery| delivery.is_done() && wall - delivery.made > KEEP)
            .map(|delivery| delivery.id.clone())
            .collect();
        for id in old {
            self.all.remove(&id);
            self.changed.insert(id);
        }
    }

    /// What changed since [`Outbox::kept`]: to be kept, or to be forgotten where it is `None`.
    pub fn changes(&self) -> Vec<(&str, Option<&Delivery>)> {
        self.changed.iter().map(|id| (id.as_str(), self.all.get(id))).collect()
    }

    /// The changes are kept.
    pub fn kept(&mut self) {
        self.changed.clear();
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<i64> {
        let due = |delivery: &Delivery| match delivery.standing {
            Standing::Waiting { due } => Some(due),
            _ => None,
        };
        let held = self.held();
        self.all.values().filter(|delivery| !held.contains(&delivery.id)).filter_map(due).min()
    }

    /// Every notice that is remembered.
    pub fn all(&self) -> impl Iterator<Item = &Delivery> {
        self.all.values()
    }
}

impl Delivery {
    /// Whether nothing more happens to it, unless the log or the clock says so.
    pub fn is_done(&self) -> bool {
        matches!(self.standing, Standing::Accepted { .. } | Standing::Delivered { .. } | Standing::GivenUp { .. })
    }

    /// The incident and the receiver.
    fn about(&self) -> (&str, &str) {
        (&self.notice.incident, &self.receiver)
    }

    fn note(&mut self, tried: Tried, wall: i64) {
        if self.tries.len() >= TRIES {
            self.tries.remove(0);
        }
        self.tries.push(Tried { at: wall, ..tried });
    }

    /// Takes the next route; after the last there is a pause, and at last it is given up.
    fn next(&mut self, wall: i64) {
        self.follows.clear();
        self.expects_log = false;
        self.place += 1;
        if self.place < self.order.len() {
            self.standing = Standing::Waiting { due: wall };
            return;
        }
        self.place = 0;
        let pause = PAUSES[(self.round as usize).min(PAUSES.len() - 1)];
        self.round += 1;
        self.standing =
            if wall + pause - self.made > GIVE_UP { Standing::GivenUp { at: wall } } else { Standing::Waiting { due: wall + pause } };
    }

    /// Sends a page once more by a route of another kind, when nobody acknowledged it.
    fn goes_out_again(&mut self, receiver: &Receiver, is_open: &impl Fn(&str) -> bool, wall: i64) -> bool {
        let is_alarm = !matches!(self.notice.kind, NoticeKind::Resolved | NoticeKind::Summary | NoticeKind::Report);
        if self.again || self.notice.severity < Severity::Page || !is_alarm || !is_open(&self.notice.incident) {
            return false;
        }
        let kind = |place: &usize| receiver.routes.get(*place).map(|route| route.way.kind());
        let Some(used) = self.order.get(self.place).and_then(kind) else { return false };
        let is_mail = |kind: &str| matches!(kind, "email" | "direct");
        let other = |place: &usize| kind(place).is_some_and(|kind| kind != used && !(is_mail(kind) && is_mail(used)));
        let Some(found) = self.order.iter().position(other) else { return false };
        self.again = true;
        self.reached.clear();
        self.place = found;
        self.standing = Standing::Waiting { due: wall };
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::route::ReceiverSection;
    use super::super::words::tests::notice;
    use super::*;

    fn own() -> Own {
        Own { host: "mx1.example.com".into(), ..Own::default() }
    }

    /// Mail by this host, then mail by a relay elsewhere, then a command.
    fn receiver() -> Receiver {
        let text = "email = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1\"\n[[route]]\nkind = \"email\"\nsmtp = \"smtp://relay.example.net\"\n[[route]]\nkind = \"command\"\ncommand = [\"/usr/bin/true\"]\n";
        let section: ReceiverSection = toml::from_str(text).unwrap();
        Receiver::read("ops", &section, &own()).unwrap()
    }

    fn tried(said: Said, queue_id: Option<&str>) -> Tried {
        Tried { said, queue_ids: queue_id.map(str::to_owned).into_iter().collect(), ..Tried::unknown("250 queued") }
    }

    struct Test {
        outbox: Outbox,
        receivers: Vec<Receiver>,
    }

    impl Test {
        fn new(avoid_own: bool) -> Self {
            let mut test = Test { outbox: Outbox::default(), receivers: vec![receiver()] };
            test.outbox.add(&notice(), &test.receivers, &own(), avoid_own, 0);
            test
        }

        /// Sends what is due; the route that was taken.
        fn send(&mut self, wall: i64, said: Said, queue_id: Option<&str>) -> Option<usize> {
            let due = self.outbox.due(wall).pop()?;
            self.outbox.answered(&due.id, tried(said, queue_id), Some(&self.receivers[0]), &own(), wall);
            Some(due.order[due.place])
        }

        fn tick(&mut self, wall: i64) {
            self.outbox.tick(&self.receivers, |_| true, wall);
        }

        fn standing(&self) -> Standing {
            self.outbox.all().next().unwrap().standing
        }
    }

    #[test]
    fn each_route_is_tried_at_once_and_then_there_is_a_pause() {
        let mut test = Test::new(false);
        for route in 0..3 {
            assert_eq!(test.send(1, Said::Refused, None), Some(route));
        }
        assert_eq!(test.send(2, Said::Accepted, None), None, "a pause");
        assert_eq!(test.outbox.next_due(), Some(1 + PAUSES[0]));
        assert_eq!(test.send(1 + PAUSES[0], Said::Accepted, None), Some(0));
        assert_eq!(test.outbox.all().next().unwrap().tries.len(), 4);
        let mut test = Test::new(true);
        assert_eq!(test.send(1, Said::Accepted, None), Some(1), "routes by this host come last when it is stuck");
    }

    #[test]
    fn mail_by_the_watched_server_counts_when_its_log_says_so() {
        let mut test = Test::new(false);
        test.send(0, Said::Accepted, Some("4ABC"));
        assert_eq!(test.outbox.followed().into_iter().collect::<Vec<_>>(), ["4ABC"]);
        test.outbox.logged("4ABC", Logged::Delivered, "", 5);
        assert_eq!(test.standing(), Standing::Delivered { at: 5 });
        let mut test = Test::new(false);
        test.send(0, Said::Accepted, Some("4ABC"));
        test.outbox.logged("4ABC", Logged::Failed, "451 later", 5);
        assert_eq!(test.send(5, Said::Accepted, None), Some(1), "the next route");
        let mut test = Test::new(false);
        test.send(0, Said::Accepted, Some("4ABC"));
        test.tick(2 * Time::MINUTE - 1);
        assert!(matches!(test.standing(), Standing::Accepted { .. }));
        test.tick(2 * Time::MINUTE);
        assert_eq!(test.send(2 * Time::MINUTE, Said::Accepted, None), Some(1), "nothing was heard of it in time");
        test.tick(5 * Time::MINUTE);
        assert!(matches!(test.standing(), Standing::Accepted { .. }), "a relay elsewhere is out of sight");
    }

    #[test]
    fn a_page_that_nobody_saw_goes_out_once_more_by_another_kind() {
        let mut test = Test::new(false);
        test.send(0, Said::Accepted, Some("4ABC"));
        test.outbox.logged("4ABC", Logged::Delivered, "", 0);
        test.outbox.tick(&test.receivers, |_| false, 10 * Time::MINUTE);
        assert!(matches!(test.standing(), Standing::Delivered { .. }), "acknowledged");
        test.tick(10 * Time::MINUTE);
        assert_eq!(test.send(10 * Time::MINUTE, Said::Accepted, None), Some(2), "the command");
        test.tick(40 * Time::MINUTE);
        assert_eq!(test.send(40 * Time::MINUTE, Said::Accepted, None), None, "once");
    }

    #[test]
    fn a_crash_while_sending_repeats_once_with_the_same_id() {
        let mut test = Test::new(false);
        let first = test.outbox.due(1).pop().unwrap();
        let kept: Vec<Delivery> = test.outbox.changes().into_iter().filter_map(|change| change.1.cloned()).collect();
        let mut outbox = Outbox::restore(kept, 2);
        let second = outbox.due(2).pop().unwrap();
        assert_eq!((second.notice.id.as_str(), second.place), (first.notice.id.as_str(), first.place));
        let kept: Vec<Delivery> = outbox.changes().into_iter().filter_map(|change| change.1.cloned()).collect();
        let mut outbox = Outbox::restore(kept, 3);
        assert_eq!(outbox.due(3).pop().map(|third| third.place), Some(1), "not a third time by the same route");
        outbox.add(&notice(), &test.receivers, &own(), false, 4);
        assert_eq!(outbox.all().count(), 1, "the same notice made again is not sent again");
    }

    #[test]
    fn nobody_hears_of_an_end_before_its_beginning() {
        let mut test = Test::new(false);
        let over = Notice { id: "0".into(), kind: NoticeKind::Resolved, ..notice() };
        test.outbox.add(&over, &test.receivers, &own(), false, 0);
        let began = test.outbox.due(0);
        assert_eq!(began.iter().map(|delivery| delivery.notice.kind).collect::<Vec<_>>(), [notice().kind]);
        test.outbox.answered(&began[0].id, tried(Said::Deferred, None), Some(&test.receivers[0]), &own(), 1);
        let again = test.outbox.due(1);
        assert_eq!(again.iter().map(|delivery| &delivery.id).collect::<Vec<_>>(), [&began[0].id], "its second route");
        assert_eq!(test.outbox.next_due(), None, "the end waits for no time");
        test.outbox.answered(&again[0].id, tried(Said::Accepted, None), Some(&test.receivers[0]), &own(), 2);
        assert_eq!(test.outbox.due(2).iter().map(|delivery| delivery.notice.kind).collect::<Vec<_>>(), [NoticeKind::Resolved]);
    }

    #[test]
    fn a_page_waits_for_no_ticket_that_is_stuck() {
        let mut test = Test::new(false);
        let stuck = test.outbox.due(0);
        test.outbox.answered(&stuck[0].id, tried(Said::Deferred, None), Some(&test.receivers[0]), &own(), 0);
        let graver = Notice { id: "1".into(), kind: NoticeKind::Worse, ..notice() };
        test.outbox.add(&graver, &test.receivers, &own(), false, 1);
        let due = test.outbox.due(1);
        assert!(due.iter().any(|delivery| delivery.notice.kind == NoticeKind::Worse), "{due:?}");
    }

    #[test]
    fn who_has_it_does_not_get_it_again_because_another_refuses() {
        let mut test = Test::new(false);
        let mut sent = 0;
        for wall in 0..6 * 60 {
            for due in test.outbox.due(wall * Time::MINUTE) {
                sent += 1;
                assert!(sent == 1 || due.reached == ["ops@example.org"], "{:?}", due.reached);
                let half = Tried { reached: vec!["ops@example.org".into()], ..tried(Said::Refused, None) };
                test.outbox.answered(&due.id, half, Some(&test.receivers[0]), &own(), wall * Time::MINUTE);
            }
        }
        assert_eq!(sent, 3, "by each route once");
        assert!(matches!(test.standing(), Standing::Accepted { .. }));
    }

    #[test]
    fn a_mail_that_a_filter_gives_back_is_followed_under_its_next_id() {
        let mut test = Test::new(false);
        test.send(0, Said::Accepted, Some("4ABC"));
        test.outbox.handed_on("4ABC", "4DEF");
        assert_eq!(test.outbox.followed().into_iter().collect::<Vec<_>>(), ["4DEF"]);
        test.outbox.logged("4DEF", Logged::Delivered, "", 5);
        assert_eq!(test.standing(), Standing::Delivered { at: 5 });
    }

    #[test]
    fn where_there_is_no_other_way_silence_of_the_log_repeats_nothing() {
        let section: ReceiverSection = toml::from_str("email = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1\"\n").unwrap();
        let mut test = Test { outbox: Outbox::default(), receivers: vec![Receiver::read("ops", &section, &own()).unwrap()] };
        test.outbox.add(&notice(), &test.receivers, &own(), false, 0);
        let mut sent = 0;
        for wall in 0..24 * 60 {
            test.tick(wall * Time::MINUTE);
            sent += usize::from(test.send(wall * Time::MINUTE, Said::Accepted, Some("4ABC")).is_some());
        }
        assert_eq!(sent, 1);
    }

    #[test]
    fn many_notices_wait_and_none_is_lost() {
        let mut outbox = Outbox::default();
        let receivers = [receiver()];
        for number in 0..HOURLY * 3 {
            let notice = Notice { id: format!("{number:016x}"), severity: Severity::Ticket, ..notice() };
            outbox.add(&notice, &receivers, &own(), false, 0);
        }
        assert_eq!(outbox.due(0).len(), HOURLY);
        assert_eq!(outbox.all().count(), HOURLY * 3);
        assert_eq!(outbox.due(Time::HOUR).len(), HOURLY * 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn whatever_happens_a_notice_ends(steps in proptest::collection::vec((0_u8..6, 1_i64..3600), 1..80)) {
            let mut test = Test::new(false);
            let mut wall = 0;
            for (what, seconds) in steps {
                wall += seconds * Time::SECOND;
                match what {
                    0 => drop(test.send(wall, Said::Accepted, Some("4ABC"))),
                    1 => drop(test.send(wall, Said::Refused, None)),
                    2 => drop(test.send(wall, Said::Deferred, None)),
                    3 => test.outbox.logged("4ABC", Logged::Failed, "no", wall),
                    4 => test.tick(wall),
                    _ => {
                        let kept: Vec<Delivery> = test.outbox.all().cloned().collect();
                        test.outbox = Outbox::restore(kept, wall);
                    }
                }
            }
            for _ in 0..400 {
                wall += 20 * Time::MINUTE;
                test.send(wall, Said::Refused, None);
                test.tick(wall);
            }
            let rest: Vec<&Delivery> = test.outbox.all().collect();
            prop_assert!(rest.iter().all(|delivery| delivery.is_done()), "{rest:?}");
        }
    }
}
