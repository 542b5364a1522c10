//! Reply to verdict.
//!
//! The order of evidence: the user's rules, the provider's tokens, phrases and codes, then the generic ones, then words
//! and codes that may mean several things. A [`Judge`] may be asked from many threads (`&self`): the rules are immutable
//! and shared, the cache is in shards behind locks that are held for one look-up. Clones share rules and cache.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ahash::{AHashMap, RandomState};
use mailvane_model::shape;
use mailvane_model::verdict::Verdict;
use mailvane_model::word::{Reason, Stage};

use crate::codes::{self, Origin};
use crate::matcher::{Facts, Matcher, Owner, Rule};
use crate::normalise;
use crate::pack;
use crate::reason::{self, Retry};
use crate::rule::{self, PackError};

/// A failure to judge, as it stands in a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failure<'a> {
    /// Who runs the far side, empty when not known or when there was none.
    pub provider: &'a str,
    /// The whole reason as the MTA logged it: `host mx[ip] said: 550 5.1.1 ... (in reply to RCPT TO command)`,
    /// `connect to mx[ip]:25: Connection timed out`, `unknown user: "x"`, or a bare reply.
    pub text: &'a str,
    /// The enhanced code that the MTA logged beside it (`dsn=`), empty when there is none.
    pub enhanced_code: &'a str,
    /// The step of the session, unknown when the text does not say.
    pub stage: Stage,
    /// Whether the attempt was deferred (and not bounced).
    pub deferred: bool,
}

/// Verdicts kept per shard by template; a full shard is emptied and [`Judge::cache_resets`] counts it.
const MAX_CACHED_PER_SHARD: usize = 4096;

/// Slots per shard for repeats (in all but the address); a newer text takes the slot of an older one.
const RAW_SLOTS_PER_SHARD: usize = 1024;

/// Shards of the cache: enough that a few threads seldom meet.
const SHARDS: usize = 16;

/// Confidence lost when the enhanced code says something else than the words that won, percent.
const DISAGREEMENT: u8 = 20;

/// A verdict with what speaks against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighing {
    /// The verdict.
    pub verdict: Arc<Verdict>,
    /// What the enhanced code alone would mean, when it is a telling one.
    pub by_code: Option<Reason>,
    /// Whether the words won over a code that says something else.
    pub disagree: bool,
    /// The template on which the rules were asked.
    pub template: String,
}

/// Judges failures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Judge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    matcher: Matcher,
    version: u32,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    resets: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    /// For repeats: the key of the shape of a text, and the key of its template.
    raw: Vec<(u64, u64)>,
    by_template: AHashMap<u64, Arc<Verdict>>,
    template: String,
}

impl Judge {
    /// The rules that ship with Mailvane; compiled once per process.
    pub fn embedded() -> Self {
        static JUDGE: OnceLock<Judge> = OnceLock::new();
        JUDGE
            .get_or_init(|| {
                // A broken embedded pack fails the tests of this crate; in production it would leave no rules.
                Judge::with_packs(&[]).unwrap_or_else(|_| Judge::empty())
            })
            .clone()
    }

    /// Our rules with the user's own, which win: pairs of a pack's name and its text.
    pub fn with_packs(packs: &[(&str, &str)]) -> Result<Self, PackError> {
        let (specs, version) = pack::load(packs)?;
        Ok(Self::of(Matcher::new(&specs)?, version))
    }

    /// One pack without ours, to see whether it can be compiled.
    pub(crate) fn alone(name: &str, text: &str) -> Result<Self, PackError> {
        Ok(Self::of(Matcher::new(&[(name.to_owned(), Owner::User, rule::read(text)?)])?, 0))
    }

    fn empty() -> Self {
        let nothing = Matcher::new(&[]).unwrap_or_else(|_| unreachable!("no rules always compile"));
        Self::of(nothing, 0)
    }

    fn of(matcher: Matcher, version: u32) -> Self {
        let shard = || Mutex::new(Shard { raw: vec![(0, 0); RAW_SLOTS_PER_SHARD], by_template: AHashMap::new(), template: String::new() });
        let inner = Inner {
            matcher,
            version,
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            resets: AtomicU64::new(0),
        };
        Judge { inner: Arc::new(inner) }
    }

    /// The version of the rules: another when any rule, ours or the user's, differs.
    pub fn version(&self) -> u32 {
        self.inner.version
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        self.inner.matcher.rules()
    }

    /// A rule by its name, as it stands in a verdict.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules().iter().find(|rule| *rule.name == *name)
    }

    /// How often a part of the cache was full and was emptied.
    pub fn cache_resets(&self) -> u64 {
        self.inner.resets.load(Ordering::Relaxed)
    }

    /// What a failure means. A repeat (see [`shape`]) costs one hash, a known template one pass over the text.
    pub fn judge(&self, failure: &Failure<'_>) -> Arc<Verdict> {
        self.judge_as(failure, false)
    }

    /// What a refusal of ours means: words that this server said to a client. Trouble in them is our own.
    pub fn judge_own(&self, failure: &Failure<'_>) -> Arc<Verdict> {
        self.judge_as(failure, true)
    }

    fn judge_as(&self, failure: &Failure<'_>, own: bool) -> Arc<Verdict> {
        let inner = &*self.inner;
        let context = context(failure, own);
        let raw_key = inner.raw_key(failure, context);
        let index = (raw_key >> 32) as usize;
        let mut shard = inner.shards[index % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (raw_key as usize) % RAW_SLOTS_PER_SHARD;
        let (known, template_key) = shard.raw[slot];
        if known == raw_key
            && let Some(verdict) = shard.by_template.get(&template_key)
        {
            return Arc::clone(verdict);
        }
        let (template_key, verdict) = inner.by_template(&mut shard, failure, own);
        shard.raw[slot] = (raw_key, template_key);
        verdict
    }

    /// What a failure means, and whether the code agrees. Not cached.
    pub fn weigh(&self, failure: &Failure<'_>) -> Weighing {
        self.weigh_as(failure, false)
    }

    /// As [`Judge::weigh`], for words that this server said to a client.
    pub fn weigh_own(&self, failure: &Failure<'_>) -> Weighing {
        self.weigh_as(failure, true)
    }

    fn weigh_as(&self, failure: &Failure<'_>, own: bool) -> Weighing {
        let read = Read::new(failure, own);
        let template = normalise::template(read.said.reply);
        let facts = read.facts(failure, &template);
        let (verdict, by_code, disagree) = self.inner.decide(&facts);
        Weighing { verdict: Arc::new(verdict), by_code, disagree, template }
    }

    /// Every rule that holds for a failure, the winner first. `own`: this server said it to a client.
    pub fn rules_matching(&self, failure: &Failure<'_>, own: bool) -> Vec<&Rule> {
        let read = Read::new(failure, own);
        let template = normalise::template(read.said.reply);
        self.inner.matcher.all_matching(&read.facts(failure, &template))
    }

    /// The verdict of a recipient given up after the queue lifetime: expired, with scope, fault and rule of the last
    /// failure as its root. Without one it is the verdict on the word "expired".
    pub fn expired(&self, last: Option<&Verdict>) -> Verdict {
        let meaning = reason::meaning(Reason::Expired);
        let root = last.filter(|verdict| verdict.reason.is_some());
        Verdict {
            reason: Some(Reason::Expired),
            scope: root.map_or(meaning.scope, |verdict| verdict.scope),
            fault: root.map_or(meaning.fault, |verdict| verdict.fault),
            permanent: true,
            retry: false,
            rule: root.map_or_else(|| Arc::from("expired"), |verdict| Arc::from(format!("expired:{}", verdict.rule))),
            matched: root.map_or_else(|| Arc::from(""), |verdict| Arc::clone(&verdict.matched)),
            confidence: root.map_or(90, |verdict| verdict.confidence),
        }
    }
}

/// Stage, deferral and speaker as one number for keys.
fn context(failure: &Failure<'_>, own: bool) -> u16 {
    let own = own || codes::is_from_here(failure.text);
    u16::from(failure.stage.code()) << 2 | u16::from(own) << 1 | u16::from(failure.deferred)
}

/// A failure taken apart.
struct Read<'a> {
    said: codes::Said<'a>,
    basic: u16,
    enhanced: &'a str,
    stage: Stage,
    /// Whether a system of this very server said it.
    own: bool,
}

impl<'a> Read<'a> {
    fn new(failure: &Failure<'a>, own: bool) -> Self {
        let said = codes::said(failure.text);
        let own = own || (said.origin == Origin::Remote && codes::is_from_here(failure.text));
        let codes = codes::of_reply(said.reply);
        let enhanced = if codes.enhanced.is_empty() { failure.enhanced_code } else { codes.enhanced };
        let stage = if said.stage == Stage::Unknown { failure.stage } else { said.stage };
        Read { said, basic: codes.basic, enhanced, stage, own }
    }

    fn facts<'t>(&'t self, failure: &Failure<'t>, template: &'t str) -> Facts<'t> {
        Facts {
            provider: failure.provider,
            template,
            basic: self.basic,
            enhanced: self.enhanced,
            stage: self.stage,
            deferred: failure.deferred,
            origin: self.said.origin,
            own: self.own,
        }
    }
}

impl Inner {
    /// The key of everything that a verdict depends on, before the text is read.
    fn raw_key(&self, failure: &Failure<'_>, context: u16) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        shape::write(failure.text, &mut hasher);
        (failure.provider, failure.enhanced_code, context).hash(&mut hasher);
        hasher.finish()
    }

    fn by_template(&self, shard: &mut Shard, failure: &Failure<'_>, own: bool) -> (u64, Arc<Verdict>) {
        let read = Read::new(failure, own);
        let mut template = std::mem::take(&mut shard.template);
        normalise::template_into(read.said.reply, &mut template);
        let circumstances = (read.stage.code(), failure.deferred, read.said.origin, read.own, read.basic);
        let key = self.hasher.hash_one((template.as_str(), failure.provider, read.enhanced, circumstances));
        let verdict = if let Some(verdict) = shard.by_template.get(&key) {
            Arc::clone(verdict)
        } else {
            let verdict = Arc::new(self.decide(&read.facts(failure, &template)).0);
            if shard.by_template.len() >= MAX_CACHED_PER_SHARD {
                shard.by_template.clear();
                self.resets.fetch_add(1, Ordering::Relaxed);
            }
            shard.by_template.insert(key, Arc::clone(&verdict));
            verdict
        };
        shard.template = template;
        (key, verdict)
    }

    /// Asks the rules and weighs words against codes.
    fn decide(&self, facts: &Facts<'_>) -> (Verdict, Option<Reason>, bool) {
        // A code counts only when its class is that of the reply.
        let agrees_in_class =
            facts.basic == 0 || facts.enhanced.is_empty() || facts.enhanced.as_bytes()[0] == b'0' + (facts.basic / 100) as u8;
        let facts = if agrees_in_class { *facts } else { Facts { enhanced: "", ..*facts } };
        let by_code = self.matcher.by_code(&facts).map(|rule| rule.reason);
        let Some((rule, matched)) = self.matcher.winner(&facts) else {
            return (unclassified(&facts), by_code, false);
        };
        // Of our own MTA's words the code is only its summary.
        let disagree = facts.origin == Origin::Remote && !rule.codes_only() && by_code.is_some_and(|reason| !kindred(reason, rule.reason));
        let mut verdict = verdict_of(rule, matched, &facts);
        // Trouble in our own words is not on a receiving side.
        if facts.own && matches!(rule.reason, Reason::RemoteTemporary | Reason::RemoteError) {
            let ours = reason::meaning(Reason::LocalPolicy);
            (verdict.reason, verdict.scope, verdict.fault) = (Some(Reason::LocalPolicy), ours.scope, ours.fault);
        }
        if disagree {
            verdict.confidence = verdict.confidence.saturating_sub(DISAGREEMENT);
        }
        (verdict, by_code, disagree)
    }
}

/// Whether two reasons are near enough that a code for one does not speak against the other.
fn kindred(left: Reason, right: Reason) -> bool {
    const FAMILIES: &[&[Reason]] = &[
        &[Reason::UnknownRecipient, Reason::InactiveRecipient, Reason::BadDomain],
        &[Reason::AuthSpf, Reason::AuthDkim, Reason::AuthDmarc, Reason::AuthMissing],
        &[Reason::RateLimited, Reason::TooManyConnections, Reason::Greylisted, Reason::RemoteTemporary],
        &[Reason::IpBlocklisted, Reason::Reputation, Reason::ContentSpam],
        &[Reason::ConnectionFailure, Reason::DnsFailure, Reason::RemoteTemporary],
        &[Reason::ProtocolError, Reason::FormatError],
    ];
    left == right || FAMILIES.iter().any(|family| family.contains(&left) && family.contains(&right))
}

/// Whether the far side, or we, called it final.
fn called_final(facts: &Facts<'_>) -> bool {
    match facts.basic / 100 {
        5 => true,
        4 => false,
        _ => match facts.enhanced.as_bytes().first() {
            Some(b'5') => true,
            Some(b'4') => false,
            _ => !facts.deferred,
        },
    }
}

fn verdict_of(rule: &Rule, matched: &str, facts: &Facts<'_>) -> Verdict {
    let meaning = reason::meaning(rule.reason);
    let permanent = rule.permanent.unwrap_or(!meaning.passing && called_final(facts));
    let retry = rule.retry.unwrap_or(match meaning.retry {
        Retry::Always => true,
        Retry::Never => false,
        Retry::ByCode => !permanent,
    });
    Verdict {
        reason: Some(rule.reason),
        scope: rule.scope.unwrap_or(meaning.scope),
        fault: rule.fault.unwrap_or(meaning.fault),
        permanent,
        retry,
        rule: Arc::clone(&rule.name),
        matched: matched.into(),
        confidence: rule.confidence,
    }
}

fn unclassified(facts: &Facts<'_>) -> Verdict {
    let meaning = reason::meaning(Reason::Unclassified);
    let permanent = called_final(facts);
    Verdict {
        reason: Some(Reason::Unclassified),
        scope: meaning.scope,
        fault: meaning.fault,
        permanent,
        retry: !permanent,
        ..Verdict::default()
    }
}
