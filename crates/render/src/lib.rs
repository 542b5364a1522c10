//! Numbers to text, SVG and HTML.

pub mod chart;
pub mod html;
pub mod sentence;
pub mod text;

/// Why something could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chart library gave up.
    #[error("a chart could not be drawn: {0}")]
    Chart(String),
}
