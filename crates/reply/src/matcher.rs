//! The rules compiled: one automaton over all phrases, one over all patterns, and the order in which rules win.

use ahash::{AHashMap, AHashSet};
use aho_corasick::{AhoCorasick, MatchKind};
use mailvane_model::nearest;
use mailvane_model::word::{Fault, Reason, Scope, Stage};
use regex_automata::PatternSet;
use regex_automata::meta::Regex;

use crate::codes::Origin;
use crate::rule::{OriginSpec, PackError, PackSpec, RuleSpec, Strength};

/// Whose pack a rule is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The user's own: it wins over everything of ours.
    User,
    /// Ours.
    Mailvane,
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `<pack>/<id>`.
    pub name: std::sync::Arc<str>,
    /// Whose it is.
    pub owner: Owner,
    /// What it means.
    pub reason: Reason,
    /// Overrides of the reason's meaning.
    pub scope: Option<Scope>,
    /// See `scope`.
    pub fault: Option<Fault>,
    /// Instead of what the code says.
    pub permanent: Option<bool>,
    /// Instead of what reason and permanence say.
    pub retry: Option<bool>,
    /// Percent.
    pub confidence: u8,
    /// How sure it is.
    pub strength: Strength,
    /// Where in the order it stands: the smaller wins.
    pub level: u8,
    /// Among rules of one level the higher wins.
    pub order: i32,
    /// The providers at which it holds; empty: everywhere.
    pub providers: Vec<String>,
    /// It holds too at providers without a pack of their own.
    pub anywhere: bool,
    /// Why it happens, instead of the reason's text.
    pub cause: Option<String>,
    /// What to do, instead of the reason's steps.
    pub steps: Vec<String>,
    /// Where to read on.
    pub links: Vec<String>,
    any: Vec<u32>,
    all: Vec<Vec<u32>>,
    not: Vec<u32>,
    pattern: Option<usize>,
    enhanced: Vec<EnhancedMask>,
    basic: Vec<u16>,
    stage: Vec<Stage>,
    origin: Option<OriginSpec>,
    deferred: Option<bool>,
}

impl Rule {
    /// Whether it needs no words: codes, steps and origin alone.
    pub fn codes_only(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.pattern.is_none()
    }

    /// Whether it asks for an enhanced code.
    pub fn asks_enhanced(&self) -> bool {
        !self.enhanced.is_empty()
    }
}

/// An enhanced code in a rule: the class may be open.
#[derive(Clone, Debug)]
struct EnhancedMask {
    class: Option<u8>,
    detail: String,
}

/// What is known of a failure when rules are asked.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The provider's id, may be empty.
    pub provider: &'a str,
    /// The template of the reply or reason.
    pub template: &'a str,
    /// The reply code, 0 for none.
    pub basic: u16,
    /// The enhanced code, empty for none.
    pub enhanced: &'a str,
    /// The step.
    pub stage: Stage,
    /// Whether the attempt was deferred.
    pub deferred: bool,
    /// Who wrote the words.
    pub origin: Origin,
    /// Whether a system of this very server said it: to a client, or as a filter or mail store of ours.
    pub own: bool,
}

/// A literal: text in lower case, and whether its ends must be word borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Borders {
    left: bool,
    right: bool,
}

/// All rules, compiled. Immutable, so that any number of threads may ask.
#[derive(Debug)]
pub struct Matcher {
    rules: Vec<Rule>,
    automaton: Option<AhoCorasick>,
    /// For each literal of the automaton the phrases it stands for: one for each kind of border.
    phrases: Vec<Vec<(Borders, u32)>>,
    phrase_count: usize,
    /// For each phrase the rules that may begin with it.
    by_phrase: Vec<Vec<u32>>,
    /// Rules without words.
    wordless: Vec<u32>,
    patterns: Option<Regex>,
    pattern_count: usize,
    /// The providers that have rules of their own.
    with_pack: AHashSet<String>,
}

/// Which phrases and patterns a text holds, and where each phrase was first seen.
struct Hits {
    at: Vec<(u32, u32)>,
    patterns: Option<PatternSet>,
}

const NOT_SEEN: (u32, u32) = (u32::MAX, 0);

impl Matcher {
    /// Compiles packs, each with its name and owner, in the order given.
    pub fn new(packs: &[(String, Owner, PackSpec)]) -> Result<Self, PackError> {
        let mut compiler = Compiler::default();
        for (name, owner, pack) in packs {
            for spec in &pack.rule {
                compiler.rule(name, *owner, &pack.provider, spec)?;
            }
        }
        compiler.finish()
    }

    /// Every rule, in the order in which they were read.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that wins, and the part of the template that it matched.
    pub fn winner<'m, 'f>(&'m self, facts: &Facts<'f>) -> Option<(&'m Rule, &'f str)> {
        let hits = self.scan(facts.template);
        let best =
            self.candidates(&hits).into_iter().filter(|index| self.holds(*index, facts, &hits)).min_by_key(|index| self.rank(*index))?;
        Some((&self.rules[best as usize], self.evidence(best, facts.template, &hits)))
    }

    /// Every rule that holds, the winner first.
    pub fn all_matching(&self, facts: &Facts<'_>) -> Vec<&Rule> {
        let hits = self.scan(facts.template);
        let mut found: Vec<u32> = self.candidates(&hits).into_iter().filter(|index| self.holds(*index, facts, &hits)).collect();
        found.sort_by_key(|index| self.rank(*index));
        found.dedup();
        found.into_iter().map(|index| &self.rules[index as usize]).collect()
    }

    /// The rule that would win by the enhanced code alone.
    pub fn by_code(&self, facts: &Facts<'_>) -> Option<&Rule> {
        if facts.enhanced.is_empty() {
            return None;
        }
        let hits = Hits { at: Vec::new(), patterns: None };
        let codes = self.wordless.iter().copied().filter(|index| {
            let rule = &self.rules[*index as usize];
            rule.asks_enhanced() && rule.strength == Strength::Code && self.holds(*index, facts, &hits)
        });
        codes.min_by_key(|index| self.rank(*index)).map(|index| &self.rules[index as usize])
    }

    fn rank(&self, index: u32) -> (u8, i32, u32) {
        let rule = &self.rules[index as usize];
        (rule.level, -rule.order, index)
    }

    fn candidates(&self, hits: &Hits) -> Vec<u32> {
        let mut found = self.wordless.clone();
        for (phrase, seen) in hits.at.iter().enumerate() {
            if *seen != NOT_SEEN {
                found.extend_from_slice(&self.by_phrase[phrase]);
            }
        }
        found
    }

    fn scan(&self, template: &str) -> Hits {
        let mut at = vec![NOT_SEEN; self.phrase_count];
        let bytes = template.as_bytes();
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_overlapping_iter(template) {
                // The word in a placeholder (`{host}`) is ours, not theirs.
                if found.start() > 0 && bytes[found.start() - 1] == b'{' && bytes.get(found.end()) == Some(&b'}') {
                    continue;
                }
                let left = found.start() == 0 || !bytes[found.start() - 1].is_ascii_alphanumeric();
                let right = found.end() == bytes.len() || !bytes[found.end()].is_ascii_alphanumeric();
                for (borders, phrase) in &self.phrases[found.pattern().as_usize()] {
                    let seen = &mut at[*phrase as usize];
                    if *seen == NOT_SEEN && (left || !borders.left) && (right || !borders.right) {
                        *seen = (found.start() as u32, found.end() as u32);
                    }
                }
            }
        }
        let patterns = self.patterns.as_ref().map(|regex| {
            let mut set = PatternSet::new(self.pattern_count);
            regex.which_overlapping_matches(&regex_automata::Input::new(template), &mut set);
            set
        });
        Hits { at, patterns }
    }

    fn holds(&self, index: u32, facts: &Facts<'_>, hits: &Hits) -> bool {
        let rule = &self.rules[index as usize];
        let seen = |phrase: &u32| hits.at.get(*phrase as usize).is_some_and(|at| *at != NOT_SEEN);
        (rule.providers.is_empty()
            || rule.providers.iter().any(|provider| provider == facts.provider)
            || (rule.anywhere && !self.with_pack.contains(facts.provider)))
            && rule.origin.is_none_or(|origin| match origin {
                OriginSpec::Local => facts.origin == Origin::Local,
                OriginSpec::Remote => facts.origin == Origin::Remote,
                OriginSpec::Own => facts.own,
            })
            && rule.deferred.is_none_or(|deferred| deferred == facts.deferred)
            && (rule.stage.is_empty() || rule.stage.contains(&facts.stage))
            && (rule.basic.is_empty()
                || rule.basic.iter().any(|basic| *basic == facts.basic || (*basic < 10 && *basic == facts.basic / 100)))
            && (rule.enhanced.is_empty() || rule.enhanced.iter().any(|mask| mask.fits(facts.enhanced)))
            && (rule.any.is_empty() || rule.any.iter().any(seen))
            && rule.all.iter().all(|alternatives| alternatives.iter().any(seen))
            && !rule.not.iter().any(seen)
            && rule
                .pattern
                .is_none_or(|pattern| hits.patterns.as_ref().is_some_and(|set| set.contains(regex_automata::PatternID::must(pattern))))
    }

    /// The words that made the rule hold: from its first phrase to the end of its last one when they are near.
    fn evidence<'f>(&self, index: u32, template: &'f str, hits: &Hits) -> &'f str {
        /// Phrases further apart than this are not shown as one piece.
        const MAX_EVIDENCE_BYTES: u32 = 120;
        let rule = &self.rules[index as usize];
        let mut span: Option<(u32, u32)> = None;
        let first_any = rule.any.iter().map(|phrase| hits.at[*phrase as usize]).filter(|at| *at != NOT_SEEN).min();
        let alls = rule
            .all
            .iter()
            .filter_map(|alternatives| alternatives.iter().map(|phrase| hits.at[*phrase as usize]).filter(|at| *at != NOT_SEEN).min());
        for (start, end) in first_any.into_iter().chain(alls) {
            span = Some(match span {
                Some((from, to)) if to.max(end) - from.min(start) <= MAX_EVIDENCE_BYTES => (from.min(start), to.max(end)),
                Some(kept) => kept,
                None => (start, end),
            });
        }
        match (span, rule.pattern) {
            (Some((start, end)), _) => template.get(start as usize..end as usize).unwrap_or(""),
            (None, Some(_)) => template,
            (None, None) => "",
        }
    }
}

impl EnhancedMask {
    fn fits(&self, code: &str) -> bool {
        let Some((class, detail)) = code.split_once('.') else { return false };
        detail == self.detail && self.class.is_none_or(|wanted| class.as_bytes() == [wanted])
    }
}

#[derive(Default)]
struct Compiler {
    rules: Vec<Rule>,
    literals: Vec<String>,
    literal_index: AHashMap<String, u32>,
    phrases: Vec<Vec<(Borders, u32)>>,
    phrase_count: u32,
    patterns: Vec<String>,
}

impl Compiler {
    fn rule(&mut self, pack: &str, owner: Owner, providers: &[String], spec: &RuleSpec) -> Result<(), PackError> {
        let name = format!("{pack}/{}", spec.id);
        if let Some(known) = self.rules.iter().find(|rule| *rule.name == *name) {
            // The user's rule under the name of ours takes its place.
            let replaced = known.owner == Owner::User && owner == Owner::Mailvane;
            return if replaced { Ok(()) } else { Err(PackError::Twice { rule: name }) };
        }
        let words = !(spec.any.is_empty() && spec.all.is_empty() && spec.pattern.is_none());
        if !words && spec.enhanced.is_empty() && spec.basic.is_empty() && spec.stage.is_empty() {
            return Err(PackError::NoCondition { rule: name });
        }
        let strength = spec.strength.unwrap_or(if words { Strength::Phrase } else { Strength::Code });
        // What a provider's pack knows is what that provider says.
        let origin = spec.origin.or((!providers.is_empty()).then_some(OriginSpec::Remote));
        let rule = Rule {
            owner,
            reason: word(&name, &spec.reason, "reason", Reason::ALL, |word| word.word())?,
            scope: spec.scope.as_deref().map(|scope| word(&name, scope, "scope", Scope::ALL, |word| word.word())).transpose()?,
            fault: spec.fault.as_deref().map(|fault| word(&name, fault, "fault", Fault::ALL, |word| word.word())).transpose()?,
            permanent: spec.permanent,
            retry: spec.retry,
            confidence: spec.confidence.unwrap_or_else(|| usual_confidence(strength, !providers.is_empty())).min(100),
            strength,
            level: level(owner, !providers.is_empty(), matches!(origin, Some(OriginSpec::Local | OriginSpec::Own)), strength),
            order: spec.order,
            providers: providers.to_vec(),
            anywhere: spec.anywhere,
            cause: spec.cause.clone(),
            steps: spec.steps.clone(),
            links: spec.links.clone(),
            any: self.phrases_of(&name, spec.any.iter().map(String::as_str))?,
            all: spec.all.iter().map(|each| self.phrases_of(&name, each.split('|'))).collect::<Result<_, _>>()?,
            not: self.phrases_of(&name, spec.not.iter().map(String::as_str))?,
            pattern: spec.pattern.as_ref().map(|pattern| self.pattern(&name, owner, pattern)).transpose()?,
            enhanced: spec.enhanced.iter().map(|code| mask(&name, code)).collect::<Result<_, _>>()?,
            basic: spec.basic.clone(),
            stage: spec.stage.iter().map(|stage| word(&name, stage, "stage", Stage::ALL, |word| word.word())).collect::<Result<_, _>>()?,
            origin,
            deferred: spec.deferred,
            name: name.into(),
        };
        self.rules.push(rule);
        Ok(())
    }

    fn pattern(&mut self, rule: &str, owner: Owner, pattern: &str) -> Result<usize, PackError> {
        let pattern_error = |error: &dyn std::error::Error| PackError::Pattern {
            rule: rule.to_owned(),
            pattern: pattern.to_owned(),
            reason: full_text(error),
        };
        let whole = format!("(?i:{pattern})");
        // Ours are compiled together only; of the user's the one at fault is to be named.
        if owner == Owner::User {
            Regex::builder().syntax(bytes_syntax()).build(&whole).map_err(|error| pattern_error(&error))?;
        }
        self.patterns.push(whole);
        Ok(self.patterns.len() - 1)
    }

    fn phrases_of<'a>(&mut self, rule: &str, phrases: impl Iterator<Item = &'a str>) -> Result<Vec<u32>, PackError> {
        phrases.map(|phrase| self.phrase(rule, phrase)).collect()
    }

    fn phrase(&mut self, rule: &str, phrase: &str) -> Result<u32, PackError> {
        let borders = Borders { left: phrase.starts_with(' '), right: phrase.ends_with(' ') };
        let literal = phrase.trim().to_ascii_lowercase();
        if literal.is_empty() {
            return Err(PackError::EmptyPhrase { rule: rule.to_owned(), phrase: phrase.to_owned() });
        }
        let index = *self.literal_index.entry(literal.clone()).or_insert_with(|| {
            self.literals.push(literal);
            self.phrases.push(Vec::new());
            self.literals.len() as u32 - 1
        });
        let known = &mut self.phrases[index as usize];
        if let Some((_, phrase)) = known.iter().find(|(other, _)| *other == borders) {
            return Ok(*phrase);
        }
        known.push((borders, self.phrase_count));
        self.phrase_count += 1;
        Ok(self.phrase_count - 1)
    }

    fn finish(self) -> Result<Matcher, PackError> {
        let mut by_phrase = vec![Vec::new(); self.phrase_count as usize];
        let mut wordless = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let begins = if rule.any.is_empty() { rule.all.first() } else { Some(&rule.any) };
            match begins {
                Some(phrases) => phrases.iter().for_each(|phrase| by_phrase[*phrase as usize].push(index as u32)),
                None => wordless.push(index as u32),
            }
        }
        let automaton = if self.literals.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::Standard).build(&self.literals);
            Some(built.map_err(|error| PackError::Compile(error.to_string()))?)
        };
        let pattern_count = self.patterns.len();
        let patterns = if pattern_count == 0 {
            None
        } else {
            let config = Regex::config().match_kind(regex_automata::MatchKind::All).utf8_empty(false);
            let built = Regex::builder().configure(config).syntax(bytes_syntax()).build_many(&self.patterns);
            Some(built.map_err(|error| PackError::Compile(full_text(&error)))?)
        };
        let with_pack = self.rules.iter().flat_map(|rule| rule.providers.iter().cloned()).collect();
        Ok(Matcher {
            with_pack,
            rules: self.rules,
            automaton,
            phrases: self.phrases,
            phrase_count: self.phrase_count as usize,
            by_phrase,
            wordless,
            patterns,
            pattern_count,
        })
    }
}

/// Bytes, not characters: replies are nearly always ASCII, and the automaton stays small.
fn bytes_syntax() -> regex_automata::util::syntax::Config {
    regex_automata::util::syntax::Config::new().unicode(false).utf8(false)
}

/// The order of evidence: the user, the provider's tokens, phrases and codes, the words of our own MTA, the generic
/// ones, then hints, then vague codes.
const fn level(owner: Owner, of_provider: bool, local: bool, strength: Strength) -> u8 {
    let step = strength as u8;
    match (owner, of_provider, strength) {
        (Owner::User, true, _) => step,
        (Owner::User, false, _) => 5 + step,
        (Owner::Mailvane, true, Strength::Hint) => 30,
        (Owner::Mailvane, false, Strength::Hint) => 31,
        (Owner::Mailvane, true, Strength::Fallback) => 40,
        (Owner::Mailvane, false, Strength::Fallback) => 41,
        (Owner::Mailvane, true, _) => 10 + step,
        (Owner::Mailvane, false, _) if local => 15 + step,
        (Owner::Mailvane, false, _) => 20 + step,
    }
}

/// Confidence in percent, unless a rule gives its own.
const fn usual_confidence(strength: Strength, of_provider: bool) -> u8 {
    match (strength, of_provider) {
        (Strength::Token, true) => 98,
        (Strength::Token, false) => 95,
        (Strength::Phrase, true) => 96,
        (Strength::Phrase, false) => 90,
        (Strength::Code, true) => 90,
        (Strength::Code, false) => 80,
        (Strength::Hint, _) => 65,
        (Strength::Fallback, _) => 40,
    }
}

fn mask(rule: &str, code: &str) -> Result<EnhancedMask, PackError> {
    let wrong =
        || PackError::Word { rule: rule.to_owned(), word: code.to_owned(), kind: "enhanced code", hint: "write 5.1.1 or x.1.1".to_owned() };
    let (class, detail) = code.split_once('.').ok_or_else(wrong)?;
    let numbers = detail.split_once('.').is_some_and(|(subject, detail)| subject.parse::<u16>().is_ok() && detail.parse::<u16>().is_ok());
    let class = match class {
        "x" => None,
        "2" | "4" | "5" => Some(class.as_bytes()[0]),
        _ => return Err(wrong()),
    };
    if numbers { Ok(EnhancedMask { class, detail: detail.to_owned() }) } else { Err(wrong()) }
}

/// A word of a closed list.
fn word<T: Copy>(rule: &str, text: &str, kind: &'static str, all: &[T], name: impl Fn(&T) -> &'static str) -> Result<T, PackError> {
    let found = all.iter().find(|each| name(each) == text);
    found.copied().ok_or_else(|| {
        let hint = match nearest(text, all.iter().map(&name)) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write one of {}", all.iter().map(&name).collect::<Vec<_>>().join(" ")),
        };
        PackError::Word { rule: rule.to_owned(), word: text.to_owned(), kind, hint }
    })
}

/// An error with what caused it: the automaton builders keep the reason in the source.
fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
