//! What can go wrong here.

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule says something that cannot be.
    #[error(transparent)]
    Rule(#[from] crate::rule::Problem),
    /// The saved state was written by a later release.
    #[error("the saved state of alerts has version {0}, which only a later release can read")]
    Version(u8),
    /// The saved state is damaged.
    #[error("the saved state of alerts cannot be read: {0}")]
    Damaged(String),
    /// There is no such incident.
    #[error("there is no open incident {0}")]
    NoIncident(String),
    /// A route of notices says something that cannot be, or its secret cannot be read.
    #[error("{0}")]
    Route(String),
    /// A template of notices cannot be used.
    #[error("{0}")]
    Template(String),
    /// The picture of a notice could not be drawn.
    #[error("{0}")]
    Picture(String),
    /// A notice could not be written as a mail.
    #[error("the notice cannot be written as a mail: {0}")]
    Mail(String),
}
