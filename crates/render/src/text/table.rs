//! Tables of plain text: the first column is a key and gives way when the line is too narrow.

use super::format::{printable, shortened};
use super::page::Page;

/// The narrowest that a key is cut to.
const KEY_MIN: usize = 24;
/// The widest that a key is shown.
const KEY_MAX: usize = 48;

/// A table in the making.
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Lines below the table.
    notes: Vec<String>,
}

impl Table {
    /// The head of the key column, then those of the numbers.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Table { heads: heads.to_vec(), rows: Vec::new(), notes: Vec::new() }
    }

    /// A row: the key, then one cell for each number.
    pub(crate) fn row(&mut self, key: &str, cells: Vec<String>) {
        let mut row = Vec::with_capacity(cells.len() + 1);
        row.push(printable(key));
        row.extend(cells);
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Whether it has nothing to say: no rows, or not one number in them.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() || (1..self.heads.len()).all(|column| !self.is_used(column))
    }

    /// Writes it; columns in which no row has anything are left out.
    pub(crate) fn write(&self, page: &mut Page) {
        let columns: Vec<usize> = (0..self.heads.len()).filter(|column| *column == 0 || self.is_used(*column)).collect();
        if page.is_html() {
            let heads: Vec<&str> = columns.iter().map(|column| self.heads[*column]).collect();
            let cut = |row: &Vec<String>| columns.iter().map(|column| row[*column].clone()).collect();
            page.html_table(&heads, &self.rows.iter().map(cut).collect::<Vec<_>>());
            self.write_notes(page);
            return;
        }
        let mut widths: Vec<usize> = columns.iter().map(|column| self.width(*column)).collect();
        let numbers: usize = widths[1..].iter().map(|width| width + 2).sum();
        let room = page.width().saturating_sub(numbers + 2).max(KEY_MIN);
        widths[0] = widths[0].min(room).clamp(self.heads[0].chars().count(), KEY_MAX);
        let heads: Vec<String> = columns.iter().map(|column| self.heads[*column].to_owned()).collect();
        page.dim(&line(&heads, &widths));
        for row in &self.rows {
            let cells: Vec<String> = columns.iter().map(|column| row[*column].clone()).collect();
            page.line(&line(&cells, &widths));
        }
        self.write_notes(page);
    }

    fn write_notes(&self, page: &mut Page) {
        for note in &self.notes {
            page.dim(&format!("  {note}"));
        }
    }

    fn is_used(&self, column: usize) -> bool {
        self.rows.iter().any(|row| !matches!(row[column].as_str(), "." | "-" | ""))
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count());
        cells.chain([self.heads[column].chars().count()]).max().unwrap_or(0)
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut out = format!("  {:<width$}", shortened(&cells[0], widths[0]), width = widths[0]);
    for (cell, width) in cells.iter().zip(widths).skip(1) {
        out.push_str("  ");
        out.push_str(&" ".repeat(width.saturating_sub(cell.chars().count())));
        out.push_str(cell);
    }
    out.trim_end().to_owned()
}
