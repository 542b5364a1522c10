//! Every rule against its own examples, and all rules against each other.

use mailvane_model::word::Stage;
use mailvane_reply::judge::{Failure, Judge, Weighing};
use mailvane_reply::pack::EMBEDDED;
use mailvane_reply::rule::{self, FullExample, PackSpec};

fn packs() -> Vec<(&'static str, PackSpec)> {
    EMBEDDED.iter().map(|(name, text)| (*name, rule::read(text).expect("an embedded pack is sound"))).collect()
}

fn failure<'a>(example: &'a FullExample, pack: &'a PackSpec) -> Failure<'a> {
    Failure {
        provider: example.provider.as_deref().unwrap_or(pack.provider.first().map_or("", String::as_str)),
        text: &example.text,
        enhanced_code: &example.enhanced,
        stage: Stage::from_word(&example.stage).unwrap_or_default(),
        deferred: example.deferred,
    }
}

fn weigh(judge: &Judge, example: &FullExample, pack: &PackSpec) -> Weighing {
    let failure = failure(example, pack);
    if example.own { judge.weigh_own(&failure) } else { judge.weigh(&failure) }
}

#[test]
fn the_embedded_packs_compile() {
    Judge::with_packs(&[]).expect("they compile");
    assert!(Judge::embedded().rules().len() > 100);
}

#[test]
fn every_pack_file_is_embedded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    files.sort();
    let mut embedded: Vec<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
    embedded.sort();
    assert_eq!(files, embedded);
}

#[test]
fn every_rule_wins_its_examples_and_loses_its_counter_examples() {
    let judge = Judge::with_packs(&[]).expect("the packs compile");
    let mut wrong = Vec::new();
    for (name, pack) in packs() {
        for rule in &pack.rule {
            let id = format!("{name}/{}", rule.id);
            if rule.matches.is_empty() {
                wrong.push(format!("{id} has no example, so nothing shows that it can win"));
            }
            for example in &rule.matches {
                let example = example.full();
                let weighing = weigh(&judge, &example, &pack);
                if *weighing.verdict.rule != *id {
                    wrong.push(format!("{id}: {:?} goes to {:?} by {:?}", example.text, weighing.verdict.rule, weighing.verdict.matched));
                }
            }
            for example in &rule.misses {
                let example = example.full();
                let weighing = weigh(&judge, &example, &pack);
                if *weighing.verdict.rule == *id {
                    wrong.push(format!("{id}: takes {:?} by {:?}", example.text, weighing.verdict.matched));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_two_rules_overlap_without_an_order() {
    let judge = Judge::with_packs(&[]).expect("the packs compile");
    let mut unordered = Vec::new();
    for (_, pack) in packs() {
        for example in pack.rule.iter().flat_map(|rule| rule.matches.iter().chain(&rule.misses)) {
            let example = example.full();
            let rules = judge.rules_matching(&failure(&example, &pack), example.own);
            if let [first, second, ..] = rules[..] {
                let same_place = first.level == second.level && first.order == second.order;
                if same_place && (first.reason, first.scope) != (second.reason, second.scope) {
                    unordered.push(format!("{} and {} on {:?}", first.name, second.name, example.text));
                }
            }
        }
    }
    assert!(unordered.is_empty(), "{} pairs:\n{}", unordered.len(), unordered.join("\n"));
}
