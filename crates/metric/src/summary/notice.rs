//! Notices, grouped by what they say.

use ahash::AHashMap;
use mailvane_model::word::Level;
use mailvane_model::{NoticeRow, Time};

use super::report::{Limit, Notice};
use crate::template;

/// How many texts are told apart; later ones group by daemon and level alone.
const TEXTS: usize = 5_000;
/// A longer text is cut in a sample.
const SAMPLE_BYTES: usize = 500;

/// The notices met so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    index: AHashMap<Box<str>, u32>,
    kinds: Vec<Notice>,
    /// Texts that were not told apart any more.
    dropped: u64,
    template: String,
    key: String,
}

impl Notices {
    pub(super) fn add(&mut self, row: &NoticeRow<'_>) {
        template::write(row.text, &mut self.template);
        let notice = (row.level, row.daemon, template::cut(row.text, SAMPLE_BYTES));
        self.count(notice, 1, row.time, row.time);
    }

    fn count(&mut self, (level, daemon, sample): (Level, &str, &str), count: u64, first: Time, last: Time) {
        if self.kinds.len() >= TEXTS {
            self.template.clear();
            self.dropped += count;
        }
        self.key.clear();
        self.key.push(char::from(level.code()));
        self.key.push_str(daemon);
        self.key.push('\0');
        self.key.push_str(&self.template);
        let at = if let Some(at) = self.index.get(self.key.as_str()) {
            *at as usize
        } else {
            let at = self.kinds.len();
            self.index.insert(self.key.as_str().into(), at as u32);
            let (daemon, template, sample) = (daemon.into(), self.template.clone(), sample.into());
            self.kinds.push(Notice { level, daemon, template, sample, count: 0, first, last });
            at
        };
        let kind = &mut self.kinds[at];
        if first < kind.first {
            kind.first = first;
            if kind.sample != sample {
                kind.sample = sample.into();
            }
        }
        kind.last = kind.last.max(last);
        kind.count += count;
    }

    pub(super) fn merge(&mut self, other: &Notices) {
        for theirs in &other.kinds {
            self.template.clear();
            self.template.push_str(&theirs.template);
            self.count((theirs.level, &theirs.daemon, &theirs.sample), theirs.count, theirs.first, theirs.last);
        }
        self.dropped += other.dropped;
    }

    pub(super) fn limit(&self) -> Option<Limit> {
        (self.dropped > 0).then(|| Limit { table: "notices".into(), limit: TEXTS as u64, dropped: self.dropped })
    }

    /// Trouble, gaps and the rest; the gravest and most frequent first.
    pub(super) fn finish(&self) -> (Vec<Notice>, Vec<Notice>, Vec<Notice>) {
        let mut all = self.kinds.clone();
        all.sort_by(|left, right| {
            let order = |notice: &Notice| (notice.first, notice.daemon.clone(), notice.template.clone());
            right.level.cmp(&left.level).then(right.count.cmp(&left.count)).then_with(|| order(left).cmp(&order(right)))
        });
        let (gaps, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|notice| notice.level == Level::Gap);
        let (lifecycle, trouble) = rest.into_iter().partition(|notice| notice.level == Level::Info);
        (trouble, gaps, lifecycle)
    }
}
