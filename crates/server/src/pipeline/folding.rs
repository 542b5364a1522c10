//! The report's fold on a thread of its own: the assembly writes tapes of rows, the fold plays them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Result, anyhow};
use mailvane_metric::summary::{Fold, Tape};
use mailvane_model::Sink;
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};

use super::files::{Watcher, timed};

/// Rows of a tape: small enough to stay in the processor's cache from one thread to the other.
const TAPE_ROWS: usize = 2_000;
/// Bytes of strings of a tape.
const TAPE_TEXT_BYTES: usize = 256 << 10;
/// Tapes that may wait for the fold.
const WAITING_TAPES: usize = 8;

/// Gives rows to a fold, on this thread or through tapes on another one. It wants no lines.
pub(crate) enum Folding {
    /// Each row is folded at once.
    Here(Box<Fold>),
    /// Rows are written down for the thread of the fold.
    Beside(Recorder),
}

/// Writes tapes and hands the full ones over.
pub(crate) struct Recorder {
    tape: Tape,
    full: SyncSender<Tape>,
    spare: Receiver<Tape>,
}

impl Recorder {
    #[inline]
    fn tape(&mut self) -> &mut Tape {
        if self.tape.len() >= TAPE_ROWS || self.tape.text_bytes() >= TAPE_TEXT_BYTES {
            self.hand_over();
        }
        &mut self.tape
    }

    #[cold]
    fn hand_over(&mut self) {
        let next = self.spare.try_recv().unwrap_or_default();
        // It fails only when the fold's thread broke off, which its end tells.
        let _ = self.full.send(std::mem::replace(&mut self.tape, next));
    }
}

/// Runs `work` with a sink and gives the fold of all that the sink was given, and how long its thread was busy. With one thread
/// the fold is done in turn.
pub(crate) fn beside<T>(threads: usize, mut fold: Fold, work: impl FnOnce(&mut Folding) -> Result<T>) -> Result<(T, Fold, Duration)> {
    if threads < 2 {
        let mut folding = Folding::Here(Box::new(fold));
        let result = work(&mut folding)?;
        let Folding::Here(fold) = folding else { return Err(anyhow!("the fold was lost")) };
        return Ok((result, *fold, Duration::ZERO));
    }
    let (full, tapes) = sync_channel::<Tape>(WAITING_TAPES);
    let (empty, spare) = sync_channel::<Tape>(WAITING_TAPES + 2);
    std::thread::scope(|scope| {
        let player = scope.spawn(move || {
            let mut took = Duration::ZERO;
            for mut tape in tapes {
                took += timed(|| fold.play(&tape)).1;
                tape.clear();
                // A tape that nobody takes back any more is let go.
                let _ = empty.try_send(tape);
            }
            (fold, took)
        });
        let mut folding = Folding::Beside(Recorder { tape: Tape::default(), full, spare });
        let result = work(&mut folding);
        if let Folding::Beside(recorder) = &mut folding {
            recorder.hand_over();
        }
        drop(folding);
        let (fold, took) = player.join().map_err(|_| anyhow!("the fold's thread broke off"))?;
        Ok((result?, fold, took))
    })
}

macro_rules! handed_on {
    ($($method:ident($row:ty)),+) => {
        $(#[inline]
        fn $method(&mut self, row: &$row) {
            match self {
                Folding::Here(fold) => fold.$method(row),
                Folding::Beside(recorder) => recorder.tape().$method(row),
            }
        })+
    };
}

impl Sink for Folding {
    handed_on!(attempt(AttemptRow<'_>), rejection(RejectionRow<'_>), auth(AuthRow<'_>), session(SessionRow<'_>), notice(NoticeRow<'_>));

    #[inline]
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        match self {
            Folding::Here(fold) => fold.message(row, replaced),
            Folding::Beside(recorder) => recorder.tape().message(row, replaced),
        }
    }

    #[inline]
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        match self {
            Folding::Here(fold) => fold.outcome(row, replaced),
            Folding::Beside(recorder) => recorder.tape().outcome(row, replaced),
        }
    }
}

impl Watcher for Folding {}
