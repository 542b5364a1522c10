//! A cell: every figure of one place (time, stream, cube, key). Cells add up, and may be taken away from each other.

use crate::figure::{Door, Figure, Spread, Traffic};
use crate::histogram::Histogram;

/// The figures of one traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The counts and sums, by [`Figure::code`].
    pub counts: [i64; Figure::SIZE],
    /// The histograms, by [`Spread::code`]; `None` while all are empty.
    spreads: Option<Box<[Histogram; Spread::SIZE]>>,
}

impl Default for Figures {
    fn default() -> Self {
        Figures { counts: [0; Figure::SIZE], spreads: None }
    }
}

impl Figures {
    /// One count or sum.
    #[inline]
    pub fn get(&self, figure: Figure) -> i64 {
        self.counts[usize::from(figure.code())]
    }

    /// Adds to a count or sum.
    #[inline]
    pub fn add(&mut self, figure: Figure, value: i64) {
        self.counts[usize::from(figure.code())] += value;
    }

    /// One histogram, if it holds anything.
    pub fn spread(&self, spread: Spread) -> Option<&Histogram> {
        self.spreads.as_ref().map(|spreads| &spreads[usize::from(spread.code())]).filter(|histogram| !histogram.is_empty())
    }

    /// One histogram to be added to.
    pub fn spread_mut(&mut self, spread: Spread) -> &mut Histogram {
        &mut self.spreads.get_or_insert_default()[usize::from(spread.code())]
    }

    /// Adds other figures, each times `sign` (1 or -1).
    pub fn merge(&mut self, other: &Figures, sign: i64) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs * sign;
        }
        if let Some(theirs) = &other.spreads {
            let mine = self.spreads.get_or_insert_default();
            for (mine, theirs) in mine.iter_mut().zip(theirs.iter()) {
                mine.merge(theirs, sign);
            }
            if mine.iter().all(Histogram::is_empty) {
                self.spreads = None;
            }
        }
    }

    /// Whether everything is 0.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0) && self.spreads.as_ref().is_none_or(|spreads| spreads.iter().all(Histogram::is_empty))
    }

    /// Delivered, relayed, bounced and expired together: the denominator of the outcome rates.
    pub fn finals(&self) -> i64 {
        self.get(Figure::Delivered) + self.get(Figure::Relayed) + self.get(Figure::Bounced) + self.get(Figure::Expired)
    }
}

/// A part of a cell: the figures of one traffic.
type Part = (Traffic, Figures);

/// Every figure of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// By traffic, none empty after [`Cell::merge`].
    parts: Vec<Part>,
    /// The counts at the door, by [`Door::code`].
    door: [i64; Door::SIZE],
}

impl Cell {
    /// The figures of a traffic, if there are any.
    pub fn figures(&self, traffic: Traffic) -> Option<&Figures> {
        self.parts.iter().find(|part| part.0 == traffic).map(|part| &part.1)
    }

    /// The figures of a traffic to be added to.
    pub fn figures_mut(&mut self, traffic: Traffic) -> &mut Figures {
        let at = match self.parts.binary_search_by_key(&traffic, |part| part.0) {
            Ok(at) => at,
            Err(at) => {
                self.parts.insert(at, (traffic, Figures::default()));
                at
            }
        };
        &mut self.parts[at].1
    }

    /// Every traffic with its figures.
    pub fn parts(&self) -> impl Iterator<Item = (Traffic, &Figures)> {
        self.parts.iter().map(|part| (part.0, &part.1))
    }

    /// One figure of one traffic.
    pub fn get(&self, traffic: Traffic, figure: Figure) -> i64 {
        self.figures(traffic).map_or(0, |figures| figures.get(figure))
    }

    /// One count at the door.
    pub fn door(&self, door: Door) -> i64 {
        self.door[usize::from(door.code())]
    }

    /// Adds to a count at the door.
    pub fn add_door(&mut self, door: Door, value: i64) {
        self.door[usize::from(door.code())] += value;
    }

    /// Adds another cell.
    pub fn merge(&mut self, other: &Cell) {
        self.merge_signed(other, 1);
    }

    /// Takes another cell away.
    pub fn subtract(&mut self, other: &Cell) {
        self.merge_signed(other, -1);
    }

    fn merge_signed(&mut self, other: &Cell, sign: i64) {
        for (traffic, figures) in &other.parts {
            self.figures_mut(*traffic).merge(figures, sign);
        }
        for (mine, theirs) in self.door.iter_mut().zip(&other.door) {
            *mine += theirs * sign;
        }
        self.parts.retain(|part| !part.1.is_empty());
    }

    /// Brings the cell into its one form: parts and histograms that came out empty are dropped.
    pub fn tidy(&mut self) {
        self.parts.retain(|part| !part.1.is_empty());
        for (_, figures) in &mut self.parts {
            if figures.spreads.as_ref().is_some_and(|spreads| spreads.iter().all(Histogram::is_empty)) {
                figures.spreads = None;
            }
        }
    }

    /// Turns every number to its negative.
    pub fn negate(&mut self) {
        let positive = std::mem::take(self);
        self.subtract(&positive);
    }

    /// Whether everything is 0: such a cell need not be kept.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.1.is_empty()) && self.door.iter().all(|count| *count == 0)
    }
}
