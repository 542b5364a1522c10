//! Standard output for lines of JSON: buffered, and quiet after its reader went away.

use std::io::{self, Write};

/// Bytes that are gathered before they are written.
const GATHERED_BYTES: usize = 256 << 10;

/// Gathers lines and writes them in large pieces. The first error stops it and is kept.
pub(crate) struct Output<W: Write> {
    /// What is gathered; write into it, then call [`Output::end_line`].
    pub(crate) buffer: Vec<u8>,
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> Output<W> {
    /// Onto `out`.
    pub(crate) fn new(out: W) -> Self {
        Output { buffer: Vec::with_capacity(GATHERED_BYTES + 4096), out, error: None }
    }

    /// Ends a line.
    pub(crate) fn end_line(&mut self) {
        self.buffer.push(b'\n');
        if self.buffer.len() >= GATHERED_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(&self.buffer)
        {
            self.error = Some(error);
        }
        self.buffer.clear();
    }

    /// Whether nothing can be written any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.error.is_some()
    }

    /// Writes the rest; the error that stopped it, if any.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush();
        match self.error {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}
