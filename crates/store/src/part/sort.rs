//! From batches to the sorted rows of each day, each row once.

use std::collections::BTreeMap;

use ahash::AHashMap;
use mailvane_model::Batch;

use crate::column::Table;
use crate::kind::Kind;

/// Rows of one kind from several batches, without those that are superseded. `dead` gives the superseded rows of a batch.
pub(crate) fn collect<T: Table>(sources: &[(&T, &[u32])]) -> T {
    let mut all = T::default();
    for (table, dead) in sources {
        if dead.is_empty() {
            all.append(table);
        } else {
            let alive: Vec<u32> = (0..table.rows() as u32).filter(|row| dead.binary_search(row).is_err()).collect();
            all.append(&table.pick(&alive));
        }
    }
    all
}

/// The numbers of the rows to keep, by day, in the order of their time: of each id only the highest revision.
fn order<T: Table>(table: &T) -> BTreeMap<i64, Vec<u32>> {
    let times = table.times();
    let mut rows: Vec<u32> = (0..table.rows() as u32).collect();
    if let Some(revs) = table.revs() {
        let mut best: AHashMap<u64, u32> = AHashMap::with_capacity(rows.len());
        for (row, id) in table.ids().iter().enumerate() {
            let entry = best.entry(*id).or_insert(row as u32);
            if revs[*entry as usize] <= revs[row] {
                *entry = row as u32;
            }
        }
        rows.retain(|row| best.get(&table.ids()[*row as usize]) == Some(row));
    }
    rows.sort_by_key(|row| times[*row as usize]);
    let mut days: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for row in rows {
        days.entry(times[row as usize].day()).or_default().push(row);
    }
    days
}

/// Row numbers that are superseded, of each kind.
pub(crate) type Dead<'a> = &'a dyn Fn(Kind) -> &'a [u32];

/// The rows of each day of some batches, sorted by time, each row once.
pub(crate) fn days(sources: &[(&Batch, Dead<'_>)]) -> BTreeMap<i64, Batch> {
    let mut days: BTreeMap<i64, Batch> = BTreeMap::new();
    macro_rules! kind {
        ($field:ident, $kind:ident) => {
            let tables: Vec<_> = sources.iter().map(|(batch, dead)| (&batch.$field, dead(Kind::$kind))).collect();
            let all = collect(&tables);
            for (day, rows) in order(&all) {
                days.entry(day).or_default().$field = all.pick(&rows);
            }
        };
    }
    kind!(messages, Messages);
    kind!(attempts, Attempts);
    kind!(outcomes, Outcomes);
    kind!(rejections, Rejections);
    kind!(auths, Auths);
    kind!(sessions, Sessions);
    kind!(notices, Notices);
    days
}
