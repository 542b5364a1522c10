//! A name server for tests that answers from a list, at once.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;

use mailvane_model::Time;

use super::{Boxed, Data, Kind, Lookup, Outcome, Question, Record, Reply, name};

/// The time at which all its answers are given.
pub(crate) const NOW: Time = Time::from_seconds(1_790_000_000);

/// Answers from a list. A name it has nothing of does not exist.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    server: SocketAddr,
    answers: HashMap<(String, Kind, bool), Outcome>,
}

impl Scripted {
    /// A server at 192.0.2.`number`.
    pub(crate) fn new(number: u8) -> Self {
        Scripted { server: SocketAddr::from(([192, 0, 2, number], 53)), answers: HashMap::new() }
    }

    /// The same answers from another server.
    pub(crate) fn at(&self, number: u8) -> Self {
        Scripted { server: SocketAddr::from(([192, 0, 2, number], 53)), ..self.clone() }
    }

    /// Adds records of one name and kind to those it has.
    pub(crate) fn record(mut self, owner: &str, kind: Kind, data: Vec<Data>) -> Self {
        let key = (name::canonical(owner), kind, false);
        let mut records = match self.answers.remove(&key) {
            Some(Outcome::Found(records)) => records,
            _ => Vec::new(),
        };
        records.extend(data.into_iter().map(|data| Record { name: name::canonical(owner), ttl: 300, data }));
        self.answers.insert(key, Outcome::Found(records));
        self
    }

    pub(crate) fn a(self, owner: &str, addresses: &[&str]) -> Self {
        addresses.iter().fold(self, |server, address| match address.parse().unwrap() {
            std::net::IpAddr::V4(address) => server.record(owner, Kind::A, vec![Data::A(address)]),
            std::net::IpAddr::V6(address) => server.record(owner, Kind::Aaaa, vec![Data::Aaaa(address)]),
        })
    }

    pub(crate) fn mx(self, owner: &str, hosts: &[(u16, &str)]) -> Self {
        let data = hosts.iter().map(|(preference, host)| Data::Mx { preference: *preference, host: name::canonical(host) });
        self.record(owner, Kind::Mx, data.collect())
    }

    pub(crate) fn txt(self, owner: &str, text: &str) -> Self {
        self.record(owner, Kind::Txt, vec![Data::Txt(text.as_bytes().chunks(255).map(<[u8]>::to_vec).collect())])
    }

    pub(crate) fn ptr(self, address: &str, hosts: &[&str]) -> Self {
        let data = hosts.iter().map(|host| Data::Ptr(name::canonical(host)));
        self.record(&crate::address::reverse_name(address.parse().unwrap()), Kind::Ptr, data.collect())
    }

    /// Any other end of a question.
    pub(crate) fn fail(mut self, owner: &str, kind: Kind, outcome: Outcome) -> Self {
        self.answers.insert((name::canonical(owner), kind, false), outcome);
        self
    }

    /// The end of a question with checking disabled, when it differs.
    pub(crate) fn unchecked(mut self, owner: &str, kind: Kind, outcome: Outcome) -> Self {
        self.answers.insert((name::canonical(owner), kind, true), outcome);
        self
    }

    /// Takes records away.
    pub(crate) fn without(mut self, owner: &str, kind: Kind) -> Self {
        self.answers.remove(&(name::canonical(owner), kind, false));
        self
    }

    fn outcome(&self, question: &Question) -> Outcome {
        if let Some(defect) = name::defect(&question.name) {
            return Outcome::BadName(defect.to_owned());
        }
        let unchecked = self.answers.get(&(question.name.clone(), question.kind, question.unchecked));
        let exact = unchecked.or_else(|| self.answers.get(&(question.name.clone(), question.kind, false)));
        exact.cloned().unwrap_or_else(|| {
            let exists = self.answers.keys().any(|(owner, _, _)| name::is_within(owner, &question.name));
            if exists { Outcome::NoData } else { Outcome::NxDomain }
        })
    }
}

impl Lookup for Scripted {
    fn ask<'a>(&'a self, question: &'a Question) -> Boxed<'a, Reply> {
        let outcome = self.outcome(question);
        let mut reply = Reply::bare(question.clone(), self.server, NOW, outcome);
        reply.ttl = reply.outcome.records().first().map(|record| record.ttl);
        reply.raw =
            reply.outcome.records().iter().map(|record| format!("{} {:?}", record.name, record.data)).collect::<Vec<_>>().join("\n");
        Box::pin(std::future::ready(reply))
    }
}

/// Runs a future of a test to its end.
pub(crate) fn block_on<Task: Future>(task: Task) -> Task::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}
