//! Stores of earlier formats, brought to the present one when they are opened.

use std::collections::{BTreeMap, BTreeSet};

use mailvane_metric::window::Window;
use mailvane_metric::{Cell, Cube, Traffic, Width};
use mailvane_model::Time;
use rusqlite::{Connection, TransactionBehavior};

use super::manifest::{self, ChunkKey};
use crate::chunk;
use crate::error::Result;
use crate::rollup::{Cells, Range};

/// The effort of compression.
const LEVEL: i32 = 3;

/// Format 1 had no rollups by the day: they are added up from those by the hour, recipients as in any window of many steps.
pub(crate) fn add_days(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let generation = manifest::number(&transaction, "generation")? as u64;
    for cube in Cube::ALL {
        let hours = manifest::spans(&transaction, Width::Hour, *cube)?;
        let spans: BTreeSet<Time> = hours.into_iter().map(|hour| hour.floor(chunk::span(Width::Day))).collect();
        for span in spans {
            let until = span.plus(chunk::span(Width::Day) - 1);
            let mut cells = Cells::new();
            let range = Range { from: span, until: until.plus(1), streams: None, keys: None };
            for name in manifest::chunk_names(&transaction, Width::Hour, *cube, (span, until), generation)? {
                chunk::decode(&manifest::named_chunk(&transaction, name)?, &range, &mut cells)?;
            }
            let mut days = Cells::new();
            chunk::merge(&mut days, by_day(cells), chunk::keys_max(Width::Day));
            let key = ChunkKey { width: Width::Day, cube: *cube, span };
            manifest::put_chunk(&transaction, key, generation, &chunk::encode(&days, LEVEL)?)?;
        }
    }
    transaction.pragma_update(None, "user_version", manifest::FORMAT)?;
    transaction.commit()?;
    Ok(())
}

/// Cells of hours added up.
fn by_day(hours: Cells) -> Cells {
    let mut days: BTreeMap<_, (Cell, BTreeMap<Traffic, Window>)> = BTreeMap::new();
    for ((time, stream, key), hour) in hours {
        let day = Width::Day.floor(time);
        let (cell, windows) = days.entry((day, stream, key)).or_default();
        for (traffic, figures) in hour.parts() {
            windows.entry(traffic).or_insert_with(|| Window::new(day)).add(time, Width::Hour, figures);
        }
        cell.merge(&hour);
    }
    let whole = days.into_iter().map(|(place, (mut cell, windows))| {
        for (traffic, window) in windows {
            window.set(cell.figures_mut(traffic));
        }
        (place, cell)
    });
    whole.collect()
}
