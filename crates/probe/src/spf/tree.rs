//! Everything an SPF record leads to, whether a client matches or not: the worst case that a receiver can meet.

use std::net::IpAddr;

use super::macros::{Macros, Values};
use super::record::{Mechanism, Record, SyntaxError};
use super::{HOST_LIMIT, LOOKUP_LIMIT};
use crate::lookup::{Boxed, Kind, Outcome, Reply, Resolver, name};

/// Records of one tree that are read at most; the limit of lookups is long passed then.
pub const RECORD_LIMIT: usize = 60;

/// What one domain of the tree says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The domain.
    pub domain: String,
    /// The chain of terms that leads here; empty for the domain that was asked for.
    pub path: Vec<String>,
    /// Its record, if there is exactly one.
    pub text: Option<String>,
    /// Its record, read.
    pub record: Option<Record>,
}

/// Something in the tree that makes an evaluation fail or waver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A record outside of the grammar.
    Syntax(String, SyntaxError),
    /// A domain with several SPF records.
    Several(String, usize),
    /// `include` or `redirect` to a domain without a record: the term and why.
    Missing(String, String),
    /// An `include` or `redirect` that leads back to where it came from.
    Loop(String),
    /// An `mx` term whose domain has more hosts than may be asked for.
    ManyHosts(String, usize),
    /// A term whose lookup finds nothing.
    Void(String),
    /// A lookup of ours that failed: nothing can be said about this part.
    Failed(String),
}

/// The tree below one domain's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The records, in the order of evaluation, the asked one first.
    pub nodes: Vec<Node>,
    /// What is wrong, in the order found.
    pub faults: Vec<Fault>,
    /// Terms that need a lookup, all counted.
    pub lookups: u32,
    /// Terms whose lookup finds nothing for any client.
    pub void_lookups: u32,
    /// Terms that depend on the client, whose lookups cannot be tried.
    pub dynamic: u32,
    /// Every answer that was used.
    pub replies: Vec<Reply>,
    /// The walk ended at [`RECORD_LIMIT`].
    pub cut: bool,
}

impl Tree {
    /// Walks the record of a domain.
    pub async fn walk(resolver: &Resolver, domain: &str) -> Tree {
        let mut tree = Tree::default();
        let domain = name::canonical(domain);
        tree.visit(resolver, domain, Vec::new(), Vec::new()).await;
        tree
    }

    /// The record that was asked for.
    pub fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    fn visit<'a>(&'a mut self, resolver: &'a Resolver, domain: String, path: Vec<String>, above: Vec<String>) -> Boxed<'a, ()> {
        Box::pin(async move {
            if self.nodes.len() >= RECORD_LIMIT {
                self.cut = true;
                return;
            }
            let Some(text) = self.text_of(resolver, &domain, &path).await else { return };
            let record = match Record::parse(&text) {
                Ok(record) => record,
                Err(error) => {
                    self.nodes.push(Node { domain: domain.clone(), path, text: Some(text), record: None });
                    self.faults.push(Fault::Syntax(domain, error));
                    return;
                }
            };
            self.nodes.push(Node { domain: domain.clone(), path: path.clone(), text: Some(text), record: Some(record.clone()) });
            self.prefetch(resolver, &record, &domain).await;
            let above = [above, vec![domain.clone()]].concat();
            for term in &record.terms {
                self.lookups += u32::from(term.mechanism.looks_up());
                let down = [path.clone(), vec![term.text.clone()]].concat();
                match &term.mechanism {
                    Mechanism::Include(target) => self.enter(resolver, target, &domain, down, &above).await,
                    mechanism => self.try_term(resolver, mechanism, &term.text, &domain).await,
                }
                if term.mechanism == Mechanism::All {
                    // Nothing after `all` is ever evaluated (section 5.1).
                    return;
                }
            }
            if let Some(target) = &record.redirect {
                self.lookups += 1;
                let down = [path, vec!["redirect".to_owned()]].concat();
                self.enter(resolver, target, &domain, down, &above).await;
            }
        })
    }

    /// Asks for the includes of a record at once, so that the walk in order finds them answered.
    async fn prefetch(&self, resolver: &Resolver, record: &Record, domain: &str) {
        let asks = record.terms.iter().filter_map(|term| match &term.mechanism {
            Mechanism::Include(target) => Some((fixed(target, domain)?, Kind::Txt)),
            Mechanism::A(target, _) => Some((fixed_or(target.as_ref(), domain)?, Kind::A)),
            Mechanism::Mx(target, _) => Some((fixed_or(target.as_ref(), domain)?, Kind::Mx)),
            _ => None,
        });
        futures_util::future::join_all(asks.map(|(name, kind)| async move { resolver.ask(&name, kind).await })).await;
    }

    async fn enter(&mut self, resolver: &Resolver, target: &Macros, domain: &str, path: Vec<String>, above: &[String]) {
        let Some(target) = fixed(target, domain) else {
            self.dynamic += 1;
            return;
        };
        if above.contains(&target) {
            self.faults.push(Fault::Loop(format!("{domain} leads to {target}, which leads to {domain}")));
            return;
        }
        self.visit(resolver, target, path, above.to_vec()).await;
    }

    async fn text_of(&mut self, resolver: &Resolver, domain: &str, path: &[String]) -> Option<String> {
        let reply = self.ask(resolver, domain, Kind::Txt).await;
        if !reply.outcome.is_definite() {
            self.faults.push(Fault::Failed(format!("{}: {}", reply.question, reply.outcome)));
            return None;
        }
        let mut records: Vec<String> = reply.texts().into_iter().filter(|text| super::is_record(text)).collect();
        match (records.len(), path.last()) {
            (0, Some(term)) => {
                let why = if reply.outcome.is_void() { reply.outcome.to_string() } else { "no SPF record".to_owned() };
                self.faults.push(Fault::Missing(term.clone(), format!("{domain}: {why}")));
                self.void_lookups += u32::from(reply.outcome.is_void());
                None
            }
            (0, None) => None,
            (1, _) => records.pop(),
            (count, _) => {
                self.faults.push(Fault::Several(domain.to_owned(), count));
                None
            }
        }
    }

    /// Does the term find anything at all?
    async fn try_term(&mut self, resolver: &Resolver, mechanism: &Mechanism, text: &str, domain: &str) {
        let (target, kind) = match mechanism {
            Mechanism::A(target, _) => (fixed_or(target.as_ref(), domain), Kind::A),
            Mechanism::Mx(target, _) => (fixed_or(target.as_ref(), domain), Kind::Mx),
            Mechanism::Exists(target) => (fixed(target, domain), Kind::A),
            Mechanism::Ptr(_) => (None, Kind::Ptr),
            Mechanism::All | Mechanism::Ip(..) | Mechanism::Include(_) => return,
        };
        let Some(target) = target else {
            self.dynamic += 1;
            return;
        };
        let reply = self.ask(resolver, &target, kind).await;
        match (&reply.outcome, mechanism) {
            (Outcome::Found(_), Mechanism::Mx(..)) => self.try_hosts(resolver, &reply, text).await,
            (Outcome::Found(_), _) => {}
            (outcome, Mechanism::A(..)) if outcome.is_void() => {
                // A host with an IPv6 address only answers IPv6 clients.
                if !self.ask(resolver, &target, Kind::Aaaa).await.outcome.is_definite() || self.has_six(resolver, &target).await {
                    return;
                }
                self.void(text, &target);
            }
            (outcome, _) if outcome.is_void() => self.void(text, &target),
            (outcome, _) => self.faults.push(Fault::Failed(format!("{}: {outcome}", reply.question))),
        }
    }

    async fn has_six(&mut self, resolver: &Resolver, host: &str) -> bool {
        matches!(self.ask(resolver, host, Kind::Aaaa).await.outcome, Outcome::Found(_))
    }

    async fn try_hosts(&mut self, resolver: &Resolver, reply: &Reply, text: &str) {
        let hosts: Vec<String> = reply.pointed().into_iter().filter(|host| !host.is_empty()).collect();
        if hosts.len() > HOST_LIMIT {
            self.faults.push(Fault::ManyHosts(text.to_owned(), hosts.len()));
            return;
        }
        let four = futures_util::future::join_all(hosts.iter().map(|host| resolver.ask(host, Kind::A))).await;
        for (host, four) in hosts.iter().zip(four) {
            if four.outcome.is_void() && self.ask(resolver, host, Kind::Aaaa).await.outcome.is_void() {
                self.void(text, host);
            }
        }
    }

    fn void(&mut self, term: &str, target: &str) {
        self.void_lookups += 1;
        self.faults.push(Fault::Void(format!("`{term}` finds nothing: {target} has no such record")));
    }

    async fn ask(&mut self, resolver: &Resolver, name: &str, kind: Kind) -> Reply {
        let reply = resolver.ask(name, kind).await;
        if !self.replies.iter().any(|old| old.question == reply.question) {
            self.replies.push(reply.clone());
        }
        reply
    }

    /// Would some client meet more lookups than allowed?
    pub const fn exceeds_lookups(&self) -> bool {
        self.lookups > LOOKUP_LIMIT
    }

    /// The networks that the tree names with `ip4` and `ip6`, with their prefix lengths and qualifiers.
    pub fn networks(&self) -> impl Iterator<Item = (IpAddr, u8, &str)> {
        self.nodes.iter().filter_map(|node| node.record.as_ref()).flat_map(|record| &record.terms).filter_map(|term| match term.mechanism {
            Mechanism::Ip(address, bits) => Some((address, bits, term.text.as_str())),
            _ => None,
        })
    }
}

/// A target that is the same for every client.
fn fixed(target: &Macros, domain: &str) -> Option<String> {
    if target.is_dynamic() {
        return None;
    }
    // Only `d` is used, so that the other values do not matter.
    let values = Values {
        local: "",
        sender_domain: domain,
        domain,
        ip: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        validated: "",
        helo: "",
        receiver: "",
        now: 0,
    };
    Some(name::canonical(&target.expand_to_name(&values)))
}

fn fixed_or(target: Option<&Macros>, domain: &str) -> Option<String> {
    target.map_or_else(|| Some(domain.to_owned()), |target| fixed(target, domain))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lookup::scripted::{Scripted, block_on};

    fn walk(server: Scripted) -> Tree {
        block_on(Tree::walk(&Resolver::new(vec![Arc::new(server)]), "example.com"))
    }

    #[test]
    fn everything_is_counted_whoever_matches() {
        let server = Scripted::new(1)
            .txt("example.com", "v=spf1 ip4:0.0.0.0/0 mx include:a.example.com include:b.example.com -all")
            .txt("a.example.com", "v=spf1 a:mx.example.com ?all")
            .txt("b.example.com", "v=spf1 redirect=c.example.com")
            .txt("c.example.com", "v=spf1 exists:%{i}.x.example.com -all")
            .mx("example.com", &[(10, "mx.example.com")])
            .a("mx.example.com", &["192.0.2.1"]);
        let tree = walk(server);
        assert_eq!((tree.lookups, tree.void_lookups, tree.dynamic), (6, 0, 1));
        assert_eq!(
            tree.nodes.iter().map(|node| node.domain.as_str()).collect::<Vec<_>>(),
            ["example.com", "a.example.com", "b.example.com", "c.example.com"]
        );
        assert!(tree.faults.is_empty(), "{:?}", tree.faults);
    }

    #[test]
    fn faults_below_are_found() {
        let server = Scripted::new(1)
            .txt("example.com", "v=spf1 include:gone.example.net include:bad.example.net include:two.example.net include:example.com a:void.example.com -all")
            .txt("bad.example.net", "v=spf1 ipv4:192.0.2.1 -all")
            .txt("two.example.net", "v=spf1 -all")
            .txt("two.example.net", "v=spf1 ~all");
        let tree = walk(server);
        assert!(
            matches!(tree.faults.as_slice(), [Fault::Missing(..), Fault::Syntax(..), Fault::Several(_, 2), Fault::Loop(_), Fault::Void(_)]),
            "{:?}",
            tree.faults
        );
    }

    #[test]
    fn silence_below_is_no_fault_of_the_record() {
        let server = Scripted::new(1).txt("example.com", "v=spf1 include:slow.example.net -all").fail(
            "slow.example.net",
            Kind::Txt,
            Outcome::Timeout,
        );
        assert!(matches!(walk(server).faults.as_slice(), [Fault::Failed(_)]));
    }

    #[test]
    fn a_wide_tree_is_cut() {
        let mut server = Scripted::new(1).txt(
            "example.com",
            &format!("v=spf1 {} -all", (0..80).map(|n| format!("include:s{n}.example.com")).collect::<Vec<_>>().join(" ")),
        );
        for number in 0..80 {
            server = server.txt(&format!("s{number}.example.com"), "v=spf1 ?all");
        }
        let tree = walk(server);
        assert!(tree.cut && tree.nodes.len() == RECORD_LIMIT && tree.exceeds_lookups());
    }
}
