//! One view of DNS: several servers in order, each question of a run asked once.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mailvane_model::Time;
use tokio::sync::OnceCell;

use super::{Boxed, Kind, Lookup, Outcome, Question, Reply};

/// Answers that a run remembers; past it questions are asked again, and [`Count::forgotten`] says how many.
pub(super) const MEMORY_LIMIT: usize = 20_000;
/// Most aliases that are followed from one question (each a question of its own).
const ALIAS_LIMIT: usize = 8;

/// What a resolver did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Questions sent to a server.
    pub asked: u64,
    /// Questions answered from this run's memory.
    pub remembered: u64,
    /// Questions that were not remembered because the limit was reached.
    pub forgotten: u64,
}

type Cell = Arc<OnceCell<Reply>>;

/// Several servers that are asked in order until one gives a definite answer. Made new for each run, so nothing outlives the run:
/// what it remembers saves asking the same question twice in one run, it is no cache.
pub struct Resolver {
    servers: Vec<Arc<dyn Lookup>>,
    memory: Mutex<HashMap<Question, Cell>>,
    asked: AtomicU64,
    remembered: AtomicU64,
    forgotten: AtomicU64,
}

impl Resolver {
    /// A view over these servers, the first one asked first.
    pub fn new(servers: Vec<Arc<dyn Lookup>>) -> Self {
        Resolver {
            servers,
            memory: Mutex::new(HashMap::new()),
            asked: AtomicU64::new(0),
            remembered: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Asks for records of a name; aliases are followed. The reply is the first definite one, else the last failure.
    pub async fn ask(&self, name: &str, kind: Kind) -> Reply {
        let question = Question::new(name, kind);
        let mut reply = self.once(question.clone()).await;
        let mut aliases = std::mem::take(&mut reply.aliases);
        for _ in 0..ALIAS_LIMIT {
            let Outcome::Alias(target) = &reply.outcome else { break };
            if aliases.last() != Some(target) {
                aliases.push(target.clone());
            }
            let raw = std::mem::take(&mut reply.raw);
            let mut next = self.once(Question::new(target, kind)).await;
            next.question = question.clone();
            let both = format!("{raw}\n{}", next.raw);
            both.trim().clone_into(&mut next.raw);
            aliases.append(&mut next.aliases);
            reply = next;
        }
        reply.aliases = aliases;
        reply
    }

    /// Asks exactly this question.
    pub async fn once(&self, question: Question) -> Reply {
        let Some(cell) = self.cell(&question) else { return self.fetch(&question).await };
        if let Some(reply) = cell.get() {
            self.remembered.fetch_add(1, Ordering::Relaxed);
            return reply.clone();
        }
        cell.get_or_init(|| self.fetch(&question)).await.clone()
    }

    /// What it did so far.
    pub fn count(&self) -> Count {
        Count {
            asked: self.asked.load(Ordering::Relaxed),
            remembered: self.remembered.load(Ordering::Relaxed),
            forgotten: self.forgotten.load(Ordering::Relaxed),
        }
    }

    fn cell(&self, question: &Question) -> Option<Cell> {
        // A panic elsewhere cannot leave the map half changed: entries are only added.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = memory.get(question) {
            return Some(Arc::clone(cell));
        }
        if memory.len() >= MEMORY_LIMIT {
            self.forgotten.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let cell = Cell::default();
        memory.insert(question.clone(), Arc::clone(&cell));
        Some(cell)
    }

    async fn fetch(&self, question: &Question) -> Reply {
        let mut last: Option<Reply> = None;
        for server in &self.servers {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let reply = self.explain(server.as_ref(), server.ask(question).await).await;
            if reply.outcome.is_definite() || matches!(reply.outcome, Outcome::Alias(_) | Outcome::BadName(_)) {
                return reply;
            }
            last = Some(worse(last, reply));
        }
        last.unwrap_or_else(|| {
            let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            Reply::bare(question.clone(), nobody, Time(0), Outcome::Unreachable("no name server is known".to_owned()))
        })
    }

    /// SERVFAIL without a reason: when the same server answers as soon as it need not check signatures, they are what is wrong.
    async fn explain(&self, server: &dyn Lookup, mut reply: Reply) -> Reply {
        if reply.outcome == Outcome::ServFail(String::new()) && reply.question.recursive && !reply.question.unchecked {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let unchecked = Question { unchecked: true, ..reply.question.clone() };
            if server.ask(&unchecked).await.outcome.is_definite() {
                reply.outcome = Outcome::Bogus("answered only with checking disabled".to_owned());
            }
        }
        reply
    }
}

/// Of two failures the one that says more: an error that a server sent over silence.
fn worse(first: Option<Reply>, second: Reply) -> Reply {
    let weight = |reply: &Reply| match reply.outcome {
        Outcome::Bogus(_) => 3,
        Outcome::ServFail(_) => 2,
        Outcome::Refused | Outcome::Code(_) | Outcome::Referral(_) | Outcome::Malformed(_) => 1,
        _ => 0,
    };
    match first {
        Some(first) if weight(&first) >= weight(&second) => first,
        _ => second,
    }
}

impl Lookup for Resolver {
    fn ask<'a>(&'a self, question: &'a Question) -> Boxed<'a, Reply> {
        Box::pin(self.once(question.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::scripted::{Scripted, block_on};

    fn resolver(servers: Vec<Scripted>) -> Resolver {
        Resolver::new(servers.into_iter().map(|server| Arc::new(server) as Arc<dyn Lookup>).collect())
    }

    #[test]
    fn the_next_server_is_asked_when_one_fails() {
        let silent = Scripted::new(1).fail("example.com", Kind::Mx, Outcome::Timeout);
        let good = Scripted::new(2).mx("example.com", &[(10, "mx.example.com")]);
        let reply = block_on(resolver(vec![silent, good]).ask("Example.com.", Kind::Mx));
        assert_eq!(reply.pointed(), ["mx.example.com"]);
        assert_eq!(reply.server.ip().to_string(), "192.0.2.2");
    }

    #[test]
    fn a_missing_name_is_believed_and_a_silent_server_is_not_taken_for_one() {
        let reply = block_on(resolver(vec![Scripted::new(1)]).ask("nothing.example", Kind::A));
        assert_eq!(reply.outcome, Outcome::NxDomain);
        let reply = block_on(resolver(vec![Scripted::new(1).fail("example.com", Kind::A, Outcome::Timeout)]).ask("example.com", Kind::A));
        assert_eq!(reply.outcome, Outcome::Timeout);
    }

    #[test]
    fn a_question_of_a_run_is_asked_once() {
        let resolver = resolver(vec![Scripted::new(1).mx("example.com", &[(10, "mx.example.com")])]);
        block_on(async {
            let (first, second) =
                futures_util::future::join(resolver.ask("example.com", Kind::Mx), resolver.ask("EXAMPLE.com", Kind::Mx)).await;
            assert_eq!(first, second);
        });
        assert_eq!(resolver.count().asked, 1);
    }

    #[test]
    fn aliases_are_followed_and_named() {
        let server = Scripted::new(1)
            .fail("www.example.com", Kind::A, Outcome::Alias("web.example.net".to_owned()))
            .a("web.example.net", &["192.0.2.80"]);
        let reply = block_on(resolver(vec![server]).ask("www.example.com", Kind::A));
        assert_eq!(reply.addresses().len(), 1);
        assert_eq!(reply.question.name, "www.example.com");
    }

    #[test]
    fn an_alias_of_itself_ends() {
        let server = Scripted::new(1).fail("a.example", Kind::A, Outcome::Alias("a.example".to_owned()));
        let reply = block_on(resolver(vec![server]).ask("a.example", Kind::A));
        assert_eq!(reply.outcome, Outcome::Alias("a.example".to_owned()));
    }

    #[test]
    fn servfail_that_ends_with_checking_disabled_is_bogus() {
        let server = Scripted::new(1).fail("example.com", Kind::A, Outcome::ServFail(String::new())).unchecked(
            "example.com",
            Kind::A,
            Outcome::NoData,
        );
        let reply = block_on(resolver(vec![server]).ask("example.com", Kind::A));
        assert!(matches!(reply.outcome, Outcome::Bogus(_)), "{:?}", reply.outcome);
    }

    #[test]
    fn an_error_says_more_than_silence() {
        let failing = Scripted::new(1).fail("example.com", Kind::A, Outcome::ServFail("x".to_owned()));
        let silent = Scripted::new(2).fail("example.com", Kind::A, Outcome::Timeout);
        let reply = block_on(resolver(vec![failing, silent]).ask("example.com", Kind::A));
        assert_eq!(reply.outcome, Outcome::ServFail("x".to_owned()));
    }
}
