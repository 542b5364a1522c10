//! The user's own rules and providers: read, joined with ours (theirs win), and held against their own examples.

use mailvane_model::nearest;
use mailvane_model::word::Stage;

use crate::judge::{Failure, Judge};
use crate::provider::Providers;
use crate::rule::{self, PackSpec};

/// The file whose text is a list of providers; every other one is a rule pack under its own name.
pub const PROVIDERS: &str = "providers";

/// A file of the user: its name without folder and `.toml`, and its text.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The name.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Which file, by its place in the list.
    pub file: usize,
    /// The line, from 1; 0 when it is not known.
    pub line: usize,
    /// What is wrong and what to do.
    pub text: String,
}

/// Rules and providers, ours and the user's.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The rules.
    pub judge: Judge,
    /// The providers.
    pub providers: Providers,
    /// The user's rules.
    pub rules: usize,
    /// What works but is hardly meant: an example that another rule wins, a provider that nobody knows.
    pub doubts: Vec<Complaint>,
}

/// Reads the user's files. The first one that cannot be used stops it.
pub fn load(files: &[File<'_>]) -> Result<Loaded, Complaint> {
    let is_list = |file: &File<'_>| file.name == PROVIDERS;
    let mut lists = Vec::new();
    let mut packs = Vec::new();
    let mut specs = Vec::new();
    for (at, file) in files.iter().enumerate() {
        if is_list(file) {
            Providers::with(&[file.text]).map_err(|error| Complaint {
                file: at,
                line: error.line_in(file.text),
                text: error.to_string(),
            })?;
            lists.push(file.text);
            continue;
        }
        // Alone first, so that what is wrong is known to be in this file.
        let alone = |error: rule::PackError| Complaint { file: at, line: error.line_in(file.text), text: error.to_string() };
        let spec = rule::read(file.text).map_err(alone)?;
        Judge::alone(file.name, file.text).map_err(alone)?;
        packs.push((file.name, file.text));
        specs.push((at, spec));
    }
    let whole = |text: String| Complaint { file: 0, line: 0, text };
    let judge = if packs.is_empty() { Judge::embedded() } else { Judge::with_packs(&packs).map_err(|error| whole(error.to_string()))? };
    let providers =
        if lists.is_empty() { Providers::embedded() } else { Providers::with(&lists).map_err(|error| whole(error.to_string()))? };
    let mut doubts = Vec::new();
    for (at, spec) in &specs {
        doubts.extend(unknown_providers(*at, &files[*at], spec, &providers));
        doubts.extend(examples(*at, &files[*at], spec, &judge));
    }
    Ok(Loaded { judge, providers, rules: specs.iter().map(|(_, spec)| spec.rule.len()).sum(), doubts })
}

/// The line on which a text first stands.
fn line_of(file: &File<'_>, text: &str) -> usize {
    file.text.lines().position(|line| line.contains(text)).map_or(0, |line| line + 1)
}

/// Providers that are neither listed nor look like a registrable domain: the rules would never be asked.
fn unknown_providers(at: usize, file: &File<'_>, spec: &PackSpec, providers: &Providers) -> Vec<Complaint> {
    let known = |id: &&String| providers.get(id).is_some() || id.contains('.');
    let unknown = spec.provider.iter().filter(|id| !known(id));
    unknown
        .map(|id| {
            let hint = match nearest(id, providers.all().iter().map(|provider| provider.id.as_str())) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "add it to providers.toml, or name a domain".to_owned(),
            };
            Complaint { file: at, line: line_of(file, id), text: format!("no provider is called {id:?}; {hint}") }
        })
        .collect()
}

/// Examples that their rule does not win, and counter-examples that it does.
fn examples(at: usize, file: &File<'_>, spec: &PackSpec, judge: &Judge) -> Vec<Complaint> {
    let mut found = Vec::new();
    for rule in &spec.rule {
        let name = format!("{}/{}", file.name, rule.id);
        let wanted = rule.matches.iter().map(|example| (example, true)).chain(rule.misses.iter().map(|example| (example, false)));
        for (example, wins) in wanted {
            let example = example.full();
            let failure = Failure {
                provider: example.provider.as_deref().unwrap_or(spec.provider.first().map_or("", String::as_str)),
                text: &example.text,
                enhanced_code: &example.enhanced,
                stage: Stage::from_word(&example.stage).unwrap_or_default(),
                deferred: example.deferred,
            };
            let verdict = if example.own { judge.judge_own(&failure) } else { judge.judge(&failure) };
            if (*verdict.rule == *name) != wins {
                let winner = if verdict.rule.is_empty() { "no rule" } else { &verdict.rule };
                let text = format!("rule {name}: its {} {:?} goes to {winner}", if wins { "match" } else { "miss" }, example.text);
                found.push(Complaint { file: at, line: line_of(file, &example.text), text });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str = "provider = [\"mine\"]\n\n[[rule]]\nid = \"paused\"\nreason = \"recipient_policy\"\nany = [\"is on a long holiday\"]\nmatch = [\"550 5.7.1 he is on a long holiday\"]\n";
    const LIST: &str = "[[provider]]\nid = \"mine\"\nname = \"Mine\"\nhosts = [\"mx.example.net\"]\n";

    #[test]
    fn rules_and_providers_of_the_user_come_first() {
        let files = [File { name: "holidays", text: PACK }, File { name: PROVIDERS, text: LIST }];
        let loaded = load(&files).expect("it is sound");
        assert_eq!((loaded.doubts.as_slice(), loaded.rules), (&[][..], 1));
        assert_eq!(loaded.providers.of_host("a.mx.example.net"), "mine");
        let failure = Failure { provider: "mine", text: "550 5.1.1 user unknown, is on a long holiday", ..Failure::default() };
        assert_eq!(&*loaded.judge.judge(&failure).rule, "holidays/paused");
    }

    #[test]
    fn a_typing_error_is_named_with_its_line_and_the_nearest_word() {
        let complain =
            |name: &str, text: &str| load(&[File { name: "good", text: LIST_LESS }, File { name, text }]).expect_err("a typing error");
        let complaint = complain("x", &PACK.replace("recipient_policy", "recipient_polici"));
        assert_eq!((complaint.file, complaint.line), (1, 5));
        assert!(complaint.text.contains("did you mean \"recipient_policy\"?"), "{}", complaint.text);
        let complaint = complain("x", &PACK.replace("reason", "reson"));
        assert_eq!(complaint.line, 5);
        assert!(complaint.text.contains("did you mean `reason`?"), "{}", complaint.text);
        let complaint = complain("x", &PACK.replace("any = [\"is on a long holiday\"]", "pattern = \"(\""));
        assert_eq!(complaint.line, 6, "{}", complaint.text);
        let complaint = complain(PROVIDERS, &LIST.replace("hosts", "host"));
        assert_eq!(complaint.line, 4);
        assert!(complaint.text.contains("did you mean `hosts`?"), "{}", complaint.text);
        let complaint = complain(PROVIDERS, &LIST.replace("mx.example", ".mx.example"));
        assert_eq!(complaint.line, 4, "{}", complaint.text);
    }

    const LIST_LESS: &str = "[[rule]]\nid = \"a\"\nreason = \"loop\"\nany = [\"round and round it goes\"]\n";

    #[test]
    fn examples_that_do_not_hold_and_unknown_providers_are_doubts() {
        let text = PACK.replace("\"mine\"", "\"gogle\"").replace("he is on a long", "he is away on a long");
        let loaded = load(&[File { name: "x", text: &text }]).expect("it can be used");
        let texts: Vec<&str> = loaded.doubts.iter().map(|doubt| doubt.text.as_str()).collect();
        assert!(texts[0].contains("did you mean \"google\"?"), "{texts:?}");
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert_eq!(loaded.doubts.iter().map(|doubt| doubt.line).collect::<Vec<_>>(), [1, 7]);
    }

    #[test]
    fn the_example_in_the_readme_holds() {
        let readme = include_str!("../rules/README.md");
        let blocks: Vec<&str> = readme.split("```toml").skip(1).filter_map(|block| block.split("```").next()).collect();
        let loaded = load(&[File { name: "partner", text: blocks[0] }, File { name: PROVIDERS, text: blocks[1] }]).expect("it is sound");
        assert_eq!(loaded.doubts, []);
        assert_eq!(loaded.providers.of_host("a.mx.partner.example"), "partner");
    }

    #[test]
    fn a_rule_under_the_name_of_ours_takes_its_place() {
        let text = "[[rule]]\nid = \"mailbox-full\"\nreason = \"rate_limited\"\nany = [\"mailbox over quota\"]\n";
        let loaded = load(&[File { name: "recipient", text }]).expect("it is sound");
        let failure = Failure { text: "452 4.2.2 mailbox over quota", deferred: true, ..Failure::default() };
        assert_eq!(loaded.judge.judge(&failure).reason.map(mailvane_model::word::Reason::word), Some("rate_limited"));
        assert_eq!(loaded.judge.rules().iter().filter(|rule| &*rule.name == "recipient/mailbox-full").count(), 1);
    }
}
