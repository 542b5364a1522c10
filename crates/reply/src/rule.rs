//! A rule pack as it is written in TOML: one file a provider, and generic ones.
//!
//! ```toml
//! provider = ["google"]            # left out: the rules hold for every provider
//!
//! [[rule]]
//! id = "quota"                     # known everywhere as `<pack>/quota`
//! reason = "mailbox_full"
//! any = ["over quota"]             # at least one of these phrases; a blank at an end stands for a word border
//! all = ["out of | exceeded", "storage"]  # each of these, where `|` parts alternatives
//! not = ["whitelist"]              # none of these
//! enhanced = ["5.2.2", "x.2.2"]    # x: any class
//! basic = [552, 4]                 # a code, or a class
//! stage = ["rcpt"]
//! origin = "remote"                # or "local": written by our own MTA; or "own": what this server answers its clients
//! match = ["452 4.2.2 mailbox over quota"]
//! miss = ["550 5.1.1 no such user"]
//! ```

use serde::Deserialize;

use mailvane_model::nearest;

/// How sure a kind of evidence is; also the order in which rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// A token that only one refusal carries: `[TSS04]`, `S3150`.
    Token,
    /// Words that say what is meant.
    Phrase,
    /// A code whose meaning is certain at this provider, or everywhere.
    Code,
    /// Words that may mean several things: they yield to a telling code.
    Hint,
    /// A vague code with the step of the session: better than nothing.
    Fallback,
}

/// Who must have written the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginSpec {
    /// Our own MTA.
    Local,
    /// The far side.
    Remote,
    /// This server, in answer to a client; or a filter or mail store on it.
    Own,
}

/// An example: a text, or a text with what else is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Example {
    /// The reply or reason alone.
    Text(String),
    /// With its circumstances.
    Full(FullExample),
}

/// An example with its circumstances.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FullExample {
    /// The reply or reason.
    pub text: String,
    /// The step of the session, as a word of the closed list.
    pub stage: String,
    /// The enhanced code logged beside it.
    pub enhanced: String,
    /// Whether the attempt was deferred.
    pub deferred: bool,
    /// The provider; of a provider's pack its first one when left out.
    pub provider: Option<String>,
    /// Whether this server said it, to a client.
    pub own: bool,
}

impl Example {
    /// The example in its full form.
    pub fn full(&self) -> FullExample {
        match self {
            Example::Text(text) => FullExample { text: text.clone(), ..FullExample::default() },
            Example::Full(full) => full.clone(),
        }
    }
}

/// One rule, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Its name within the pack.
    pub id: String,
    /// What it means, a word of the closed list.
    pub reason: String,
    /// How sure it is; a phrase when it has words, else a code.
    pub strength: Option<Strength>,
    /// Among rules of one strength the higher is asked first.
    #[serde(default)]
    pub order: i32,
    /// At least one of these phrases.
    #[serde(default)]
    pub any: Vec<String>,
    /// Each of these; `|` parts alternatives.
    #[serde(default)]
    pub all: Vec<String>,
    /// None of these.
    #[serde(default)]
    pub not: Vec<String>,
    /// A regular expression over the template, letter case ignored.
    pub pattern: Option<String>,
    /// Enhanced codes; `x` as class stands for any.
    #[serde(default)]
    pub enhanced: Vec<String>,
    /// Reply codes (550) or their classes (5).
    #[serde(default)]
    pub basic: Vec<u16>,
    /// Steps of the session.
    #[serde(default)]
    pub stage: Vec<String>,
    /// It holds too where the provider has no pack of its own: the words are unmistakable, and appliances stand under
    /// the names of their owners.
    #[serde(default)]
    pub anywhere: bool,
    /// Who wrote it.
    pub origin: Option<OriginSpec>,
    /// Only deferred attempts, or only bounced ones.
    pub deferred: Option<bool>,
    /// Instead of the reason's scope.
    pub scope: Option<String>,
    /// Instead of the reason's fault.
    pub fault: Option<String>,
    /// Instead of what the code says.
    pub permanent: Option<bool>,
    /// Instead of what reason and permanence say.
    pub retry: Option<bool>,
    /// Instead of the confidence of its strength, percent.
    pub confidence: Option<u8>,
    /// Why it happens, instead of the reason's text.
    pub cause: Option<String>,
    /// What to do, in order, instead of the reason's steps.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Where to read on, before the provider's page.
    #[serde(default)]
    pub links: Vec<String>,
    /// Examples that this rule must win.
    #[serde(default, rename = "match")]
    pub matches: Vec<Example>,
    /// Examples that this rule must not win.
    #[serde(default, rename = "miss")]
    pub misses: Vec<Example>,
}

/// One file of rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackSpec {
    /// The providers at which the rules hold; empty: everywhere.
    #[serde(default)]
    pub provider: Vec<String>,
    /// The rules.
    #[serde(default)]
    pub rule: Vec<RuleSpec>,
}

/// Why a rule pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file is no rule pack.
    #[error("{message}")]
    Syntax {
        /// The line, from 1; 0 when it is not known.
        line: usize,
        /// What the TOML reader says, and the nearest known name.
        message: String,
    },
    /// A rule has a word that is not in a closed list, or a code that is none.
    #[error("rule {rule}: {word:?} is no {kind}; {hint}")]
    Word {
        /// The rule.
        rule: String,
        /// The word.
        word: String,
        /// What it should be.
        kind: &'static str,
        /// The nearest word, or those that are allowed.
        hint: String,
    },
    /// A rule asks for nothing, so it would take every reply.
    #[error("rule {rule} has no condition; give it any, all, pattern, enhanced, basic or stage")]
    NoCondition {
        /// The rule.
        rule: String,
    },
    /// A rule's phrase is too short to mean anything.
    #[error("rule {rule}: the phrase {phrase:?} is empty; take it out")]
    EmptyPhrase {
        /// The rule.
        rule: String,
        /// The phrase.
        phrase: String,
    },
    /// Two rules have one name.
    #[error("rule {rule} is there twice; rename one of them")]
    Twice {
        /// The rule.
        rule: String,
    },
    /// A pattern is no regular expression.
    #[error("rule {rule}: the pattern {pattern:?} cannot be compiled: {reason}")]
    Pattern {
        /// The rule.
        rule: String,
        /// The pattern.
        pattern: String,
        /// Why not.
        reason: String,
    },
    /// The phrases or patterns together cannot be compiled.
    #[error("rule packs cannot be compiled: {0}")]
    Compile(String),
}

impl PackError {
    /// The line of `text` (the pack it came from) that is at fault, from 1; 0 when it is not known.
    pub fn line_in(&self, text: &str) -> usize {
        match self {
            PackError::Syntax { line, .. } => *line,
            PackError::Word { rule, word, .. } => line_of(text, rule, word, false),
            PackError::EmptyPhrase { rule, phrase } => line_of(text, rule, phrase, false),
            PackError::Pattern { rule, .. } => line_of(text, rule, "pattern", false),
            PackError::NoCondition { rule } => line_of(text, rule, "", false),
            PackError::Twice { rule } => line_of(text, rule, "", true),
            PackError::Compile(_) => 0,
        }
    }
}

/// The line of a rule (`<pack>/<id>`) on which a word stands; the line of its id when the word is not found.
fn line_of(text: &str, rule: &str, word: &str, last: bool) -> usize {
    let id = rule.split_once('/').map_or(rule, |parts| parts.1);
    let names = |line: &str| {
        let value = line.trim_start().strip_prefix("id").and_then(|rest| rest.trim_start().strip_prefix('='));
        value.is_some_and(|value| value.split(['"', '\'']).nth(1) == Some(id))
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut all = (0..lines.len()).filter(|at| names(lines[*at]));
    let Some(named) = (if last { all.next_back() } else { all.next() }) else { return 0 };
    // The keys of a rule stand in any order between two headings.
    let heading = |at: &usize| lines[*at].trim_start().starts_with("[[");
    let begin = (0..named).rev().find(heading).unwrap_or(0);
    let end = (named..lines.len()).find(heading).unwrap_or(lines.len());
    let found = (begin..end).find(|at| *at != named && !word.is_empty() && lines[*at].contains(word));
    found.unwrap_or(named) + 1
}

/// Reads one file of rules.
pub fn read(text: &str) -> Result<PackSpec, PackError> {
    toml::from_str(text).map_err(|error| syntax(text, &error))
}

/// What the TOML reader says, with its line and the nearest known name.
pub(crate) fn syntax(text: &str, error: &toml::de::Error) -> PackError {
    let line =
        error.span().map_or(0, |span| text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1);
    PackError::Syntax { line, message: with_nearest(error.message()) }
}

/// Adds the nearest known name to `unknown field ...`.
pub(crate) fn with_nearest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let near = match (message.starts_with("unknown "), names.next()) {
        (true, Some(given)) => nearest(given, names),
        _ => None,
    };
    near.map_or_else(|| message.to_owned(), |near| format!("{}; did you mean `{near}`?", message.split(',').next().unwrap_or(message)))
}
