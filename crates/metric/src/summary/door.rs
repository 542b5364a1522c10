//! What happened at the door: refusals, logins, connections.

use std::hash::{BuildHasher, Hash, Hasher};

use ahash::AHashMap;
use mailvane_model::word::{Action, AuthResult, Reason, Stage};
use mailvane_model::{AuthRow, RejectionRow, SessionRow, Time, shape};

use super::report::{Limit, Logins, Rejection, Rejections, Sessions};
use super::table::Tallies;
use crate::count;
use crate::figure::Door;
use crate::template;

/// How many kinds of refusal are told apart; later ones group by reason alone.
const KINDS: usize = 2_000;
/// How many clients, users, recipients and domains are told apart.
const KEYS: usize = 20_000;
/// How many clients are told apart within one kind of refusal.
const CLIENTS_OF_A_KIND: usize = 200;
/// How many clients of one kind are shown.
const CLIENTS_SHOWN: usize = 5;
/// How many texts of refusals are remembered by their shape.
const RECENT: usize = 1024;
/// A longer reply is cut in a sample.
const SAMPLE_BYTES: usize = 500;

/// The sums at the door.
#[derive(Clone, Debug)]
pub(super) struct DoorFold {
    counts: [i64; Door::SIZE],
    index: AHashMap<Box<str>, u32>,
    recent: Recent,
    kinds: Vec<Kind>,
    clients: Tallies,
    sender_domains: Tallies,
    recipients: Tallies,
    auth_clients: Tallies,
    auth_users: Tallies,
    auth_methods: Tallies,
    ok_users: Tallies,
    lost_after: Tallies,
    session_clients: Tallies,
    template: String,
    key: String,
}

/// The kinds of texts seen lately, by their shape: a template is long to make.
#[derive(Clone, Debug)]
struct Recent {
    hasher: ahash::RandomState,
    slots: Vec<(u64, u32)>,
}

impl Default for Recent {
    fn default() -> Self {
        Recent { hasher: ahash::RandomState::new(), slots: vec![(0, u32::MAX); RECENT] }
    }
}

impl Recent {
    fn key(&self, row: &RejectionRow<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        shape::write(row.reply_text, &mut hasher);
        (row.action.code(), row.stage.code(), row.reason.code()).hash(&mut hasher);
        hasher.finish()
    }

    fn find(&self, key: u64) -> Option<usize> {
        let (known, at) = self.slots[key as usize % RECENT];
        (known == key && at != u32::MAX).then_some(at as usize)
    }

    fn put(&mut self, key: u64, at: usize) {
        self.slots[key as usize % RECENT] = (key, at as u32);
    }
}

#[derive(Clone, Debug)]
struct Kind {
    action: Action,
    stage: Stage,
    reason: Reason,
    reply_code: u16,
    template: Box<str>,
    sample: Box<str>,
    sample_client: Box<str>,
    count: u64,
    clients: Tallies,
    first: Time,
    last: Time,
}

impl Default for DoorFold {
    fn default() -> Self {
        let tallies = || Tallies::new(KEYS);
        DoorFold {
            counts: [0; Door::SIZE],
            index: AHashMap::new(),
            recent: Recent::default(),
            kinds: Vec::new(),
            clients: tallies(),
            sender_domains: tallies(),
            recipients: tallies(),
            auth_clients: tallies(),
            auth_users: tallies(),
            auth_methods: tallies(),
            ok_users: tallies(),
            lost_after: tallies(),
            session_clients: tallies(),
            template: String::new(),
            key: String::new(),
        }
    }
}

impl DoorFold {
    pub(super) fn add(&mut self, door: Door) {
        self.counts[usize::from(door.code())] += 1;
    }

    pub(super) fn get(&self, door: Door) -> u64 {
        self.counts[usize::from(door.code())].max(0) as u64
    }

    pub(super) fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.add(count::rejection(row));
        let at = self.kind_of(row);
        let kind = &mut self.kinds[at];
        kind.count += 1;
        kind.first = kind.first.min(row.time);
        kind.last = kind.last.max(row.time);
        kind.clients.add(row.client_ip, row.client_name, 1);
        if row.action == Action::Warn {
            return;
        }
        self.clients.add(row.client_ip, row.client_name, 1);
        if !row.sender.domain.is_empty() {
            self.sender_domains.add(row.sender.domain, "", 1);
        }
        if !row.recipient.is_unknown() {
            self.key.clear();
            self.key.push_str(row.recipient.local);
            self.key.push('@');
            self.key.push_str(row.recipient.domain);
            self.recipients.add(self.key.trim_end_matches('@'), "", 1);
        }
    }

    /// The kind of a refusal, by the shape of its text where that came before.
    fn kind_of(&mut self, row: &RejectionRow<'_>) -> usize {
        let full = self.kinds.len() >= KINDS;
        let key = self.recent.key(row);
        if let Some(at) = self.recent.find(key).filter(|_| !full) {
            return at;
        }
        template::write(row.reply_text, &mut self.template);
        if full {
            self.template.clear();
        }
        let at = self.kind(row);
        if !full {
            self.recent.put(key, at);
        }
        at
    }

    fn kind(&mut self, row: &RejectionRow<'_>) -> usize {
        self.key.clear();
        for code in [row.action.code(), row.stage.code(), row.reason.code()] {
            self.key.push(char::from(code));
        }
        self.key.push_str(&self.template);
        if let Some(at) = self.index.get(self.key.as_str()) {
            return *at as usize;
        }
        let at = self.kinds.len();
        self.index.insert(self.key.as_str().into(), at as u32);
        self.kinds.push(Kind {
            action: row.action,
            stage: row.stage,
            reason: row.reason,
            reply_code: row.reply_code,
            template: self.template.as_str().into(),
            sample: template::cut(row.reply_text, SAMPLE_BYTES).into(),
            sample_client: format!("{}[{}]", row.client_name, row.client_ip).into(),
            count: 0,
            clients: Tallies::new(CLIENTS_OF_A_KIND),
            first: row.time,
            last: row.time,
        });
        at
    }

    pub(super) fn auth(&mut self, row: &AuthRow<'_>) {
        self.add(count::auth(row));
        if row.result == AuthResult::Ok {
            if !row.user.is_empty() {
                self.ok_users.add(row.user, "", 1);
            }
            return;
        }
        self.auth_clients.add(row.client_ip, row.client_name, 1);
        if !row.user.is_empty() {
            self.auth_users.add(row.user, "", 1);
        }
        self.auth_methods.add(row.method, "", 1);
    }

    pub(super) fn session(&mut self, row: &SessionRow<'_>) {
        self.add(Door::Sessions);
        self.session_clients.add(row.client_ip, row.client_name, 1);
        if count::is_lost(row) {
            self.add(Door::SessionsLost);
            self.lost_after.add(row.lost_after.word(), "", 1);
        }
    }

    pub(super) fn merge(&mut self, other: &DoorFold) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        for theirs in &other.kinds {
            self.merge_kind(theirs);
        }
        for (mine, theirs) in self.tallies_mut().into_iter().zip(other.tallies()) {
            mine.merge(theirs.1);
        }
    }

    fn merge_kind(&mut self, theirs: &Kind) {
        self.template.clear();
        if self.kinds.len() < KINDS {
            self.template.push_str(&theirs.template);
        }
        let row = RejectionRow {
            action: theirs.action,
            stage: theirs.stage,
            reason: theirs.reason,
            time: theirs.first,
            ..RejectionRow::default()
        };
        let before = self.kinds.len();
        let at = self.kind(&row);
        if at == before {
            self.kinds[at] = theirs.clone();
            return;
        }
        let mine = &mut self.kinds[at];
        if theirs.first < mine.first {
            (mine.sample, mine.sample_client, mine.reply_code) = (theirs.sample.clone(), theirs.sample_client.clone(), theirs.reply_code);
        }
        mine.count += theirs.count;
        mine.first = mine.first.min(theirs.first);
        mine.last = mine.last.max(theirs.last);
        mine.clients.merge(&theirs.clients);
    }

    fn tallies_mut(&mut self) -> [&mut Tallies; 9] {
        [
            &mut self.clients,
            &mut self.sender_domains,
            &mut self.recipients,
            &mut self.auth_clients,
            &mut self.auth_users,
            &mut self.auth_methods,
            &mut self.ok_users,
            &mut self.lost_after,
            &mut self.session_clients,
        ]
    }

    fn tallies(&self) -> [(&'static str, &Tallies); 9] {
        [
            ("refused clients", &self.clients),
            ("refused sender domains", &self.sender_domains),
            ("refused recipients", &self.recipients),
            ("clients with refused logins", &self.auth_clients),
            ("users with refused logins", &self.auth_users),
            ("login methods", &self.auth_methods),
            ("users with accepted logins", &self.ok_users),
            ("steps of lost connections", &self.lost_after),
            ("connecting clients", &self.session_clients),
        ]
    }

    /// The tables that met their limit.
    pub(super) fn limits(&self) -> impl Iterator<Item = Limit> {
        let met = self.tallies().into_iter().filter(|entry| entry.1.dropped > 0);
        met.map(|(name, table)| Limit { table: name.into(), limit: table.limit() as u64, dropped: table.dropped })
    }

    pub(super) fn finish(&self, top: usize) -> (Rejections, Logins, Sessions) {
        let mut kinds: Vec<&Kind> = self.kinds.iter().collect();
        kinds.sort_by(|left, right| {
            let order = |kind: &Kind| (kind.action, kind.stage, kind.reason);
            right.count.cmp(&left.count).then_with(|| order(left).cmp(&order(right))).then_with(|| left.template.cmp(&right.template))
        });
        let rejections = Rejections {
            counts: self.counts,
            lines: kinds.iter().take(top).map(|kind| rejection(kind)).collect(),
            clients: self.clients.top(top),
            sender_domains: self.sender_domains.top(top),
            recipients: self.recipients.top(top),
            more: kinds.len().saturating_sub(top) as u64,
        };
        let logins = Logins {
            ok: self.get(Door::AuthOk),
            failed: self.get(Door::AuthFailed),
            clients: self.auth_clients.top(top),
            users: self.auth_users.top(top),
            methods: self.auth_methods.top(top),
            ok_users: self.ok_users.top(top),
        };
        let sessions = Sessions {
            ended: self.get(Door::Sessions),
            lost: self.get(Door::SessionsLost),
            lost_after: self.lost_after.top(top),
            clients: self.session_clients.top(top),
        };
        (rejections, logins, sessions)
    }
}

fn rejection(kind: &Kind) -> Rejection {
    Rejection {
        action: kind.action,
        stage: kind.stage,
        reason: kind.reason,
        reply_code: kind.reply_code,
        template: kind.template.to_string(),
        sample: kind.sample.to_string(),
        sample_client: kind.sample_client.to_string(),
        count: kind.count,
        clients: kind.clients.top(CLIENTS_SHOWN),
        first: kind.first,
        last: kind.last,
    }
}
