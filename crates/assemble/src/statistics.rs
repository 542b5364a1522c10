//! What the health page shows of assembly.

/// Counts of what is open, and of limits that were hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Records fed.
    pub records: u64,
    /// Messages open now.
    pub lives: u64,
    /// Recipients of open messages.
    pub recipients: u64,
    /// Inbound connections open now.
    pub sessions: u64,
    /// Timers waiting (for links, late lines, announcements).
    pub timers: u64,
    /// Streams met.
    pub streams: u64,
    /// Messages closed as unknown because too many were open.
    pub lives_over_limit: u64,
    /// Attempts for a recipient past the limit of one message.
    pub recipients_over_limit: u64,
    /// Positions of lines left out of a message past its limit.
    pub lines_over_limit: u64,
    /// Connections forgotten because too many were open.
    pub sessions_over_limit: u64,
    /// Messages whose queue id was used again before their end was seen.
    pub lost_ends: u64,
    /// Messages given up after the longest queue lifetime.
    pub stale: u64,
    /// Hops joined by their queue ids.
    pub links: u64,
    /// Hops joined by message-id alone.
    pub probable_links: u64,
    /// Lines of a queue id that was not known, where nothing could be made of them.
    pub strays: u64,
}
