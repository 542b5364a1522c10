//! Trouble on this server: warnings and worse of the mail daemons, grouped by their normalised text.

use ahash::AHashMap;
use mailvane_metric::{count, template};
use mailvane_model::Time;
use mailvane_model::word::Level;
use mailvane_store::Snapshot;

use crate::scope::Scope;
use crate::{Result, scan};

/// Groups that are told apart.
const GROUPS: usize = 5_000;

/// One kind of trouble.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// How grave.
    pub level: Level,
    /// The daemon.
    pub daemon: String,
    /// The host.
    pub host: String,
    /// The text without names and numbers.
    pub template: String,
    /// The latest text.
    pub sample: String,
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Time,
    /// When last.
    pub last: Time,
}

/// Every kind of trouble in a span, gravest and commonest first.
pub fn trouble(snapshot: &Snapshot, scope: &Scope) -> Result<Vec<Trouble>> {
    let mut groups: AHashMap<(Level, String, String), Trouble> = AHashMap::new();
    let mut template = String::new();
    scan::notices(snapshot, scope, |row| {
        if count::notice(row).is_none() {
            return;
        }
        template::write(row.text, &mut template);
        let key = (row.level, row.daemon.to_owned(), template.clone());
        if !groups.contains_key(&key) && groups.len() >= GROUPS {
            return;
        }
        let group = groups.entry(key).or_insert_with(|| Trouble {
            level: row.level,
            daemon: row.daemon.to_owned(),
            host: row.stream.host.clone(),
            template: template.clone(),
            sample: row.text.to_owned(),
            count: 0,
            first: row.time,
            last: row.time,
        });
        group.count += 1;
        group.first = group.first.min(row.time);
        if row.time >= group.last {
            group.last = row.time;
            row.text.clone_into(&mut group.sample);
        }
    })?;
    let mut found: Vec<Trouble> = groups.into_values().collect();
    found.sort_by(|left, right| {
        (gravity(right.level), right.count, &left.template).cmp(&(gravity(left.level), left.count, &right.template))
    });
    Ok(found)
}

/// A gap is as grave as an error: numbers beside it are not whole.
fn gravity(level: Level) -> u8 {
    match level {
        Level::Panic => 4,
        Level::Fatal => 3,
        Level::Error | Level::Gap => 2,
        Level::Warning => 1,
        Level::Info => 0,
    }
}
