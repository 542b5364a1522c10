//! Picking and joining rows, column by column.

use mailvane_model::column::{Addresses, Column, Positions, Streams, Strings, Values};

/// A column whose rows can be picked and joined.
pub(crate) trait Pick: Sized {
    /// The given rows, in the given order.
    fn pick(&self, order: &[u32]) -> Self;
    /// Adds the rows of another column.
    fn append(&mut self, other: &Self);
}

impl<T: Copy + 'static> Pick for Values<T> {
    fn pick(&self, order: &[u32]) -> Self {
        Values(order.iter().map(|row| self.0[*row as usize]).collect())
    }
    fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }
}

impl Pick for Strings {
    fn pick(&self, order: &[u32]) -> Self {
        let mut picked = Strings { text: String::with_capacity(self.text.len()), ends: Vec::with_capacity(order.len()) };
        for row in order {
            picked.push(self.get(*row as usize));
        }
        picked
    }
    fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| end + start));
    }
}

impl Pick for Addresses {
    fn pick(&self, order: &[u32]) -> Self {
        Addresses { local: self.local.pick(order), domain: self.domain.pick(order) }
    }
    fn append(&mut self, other: &Self) {
        self.local.append(&other.local);
        self.domain.append(&other.domain);
    }
}

impl Pick for Positions {
    fn pick(&self, order: &[u32]) -> Self {
        let mut picked = Positions::default();
        for row in order {
            picked.push(self.get(*row as usize));
        }
        picked
    }
    fn append(&mut self, other: &Self) {
        let start = self.all.len();
        self.all.extend_from_slice(&other.all);
        self.ends.extend(other.ends.iter().map(|end| end + start));
    }
}

impl Pick for Streams {
    fn pick(&self, order: &[u32]) -> Self {
        let mut picked = Streams::default();
        translate(&self.table, order.iter().map(|row| self.codes[*row as usize]), &mut picked);
        picked
    }
    fn append(&mut self, other: &Self) {
        translate(&other.table, other.codes.iter().copied(), self);
    }
}

/// Adds cells given as codes of another table; each stream is looked up once.
fn translate(table: &[mailvane_model::Stream], codes: impl Iterator<Item = u32>, into: &mut Streams) {
    let mut known: Vec<Option<u32>> = vec![None; table.len()];
    for code in codes {
        if let Some(mine) = known[code as usize] {
            into.codes.push(mine);
        } else {
            into.push(&table[code as usize]);
            known[code as usize] = into.codes.last().copied();
        }
    }
}
