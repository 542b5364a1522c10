//! Finding out what a file is that was found: a known one somewhere else, a copy, or a new one.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use mailvane_model::FileId;

use super::body::{Body, HEAD_BYTES};
use super::examine::{Content, Examination};
use super::scan::{self, Found};
use super::{LINGER, MAX_KNOWN_FILES, Notice, PACKING_GRACE, ROTATED_GRACE, SECOND, Seen, Tailer, Verdict};
use crate::error::Error;
use crate::feed::usual_priority;
use crate::history::first_time;
use crate::identity::{FileState, Fit, Inode, read_at_most};
use crate::names::Rank;
use crate::open::{Compression, Input, refuse_binary, refuse_unknown_format};

/// Bytes of a first line that count for identity.
const FIRST_LINE_BYTES: usize = 4096;
/// How often the time of its last sighting is written for a file that does not change.
const SEEN_EVERY: i64 = 3600 * SECOND;

/// Scans repeated at most because files moved; a rotation is over much sooner.
const MAX_SCANS_AGAIN: usize = 4;

/// What was judged from content.
enum Judgement {
    New,
    Known(usize),
    /// A copy in progress.
    Short,
    Ambiguous(Vec<FileId>),
}

impl Tailer {
    /// Looks at the file system and takes up what changed there.
    pub(super) fn look(&mut self, now: i64) {
        let scan = self.steady_scan();
        self.note_problems(&scan);
        self.found = scan.found.into_iter().map(|found| (found.inode, found)).collect();
        for index in 0..self.files.len() {
            // A truncation must be known before copies of the old content are judged.
            if self.files[index].body.as_ref().is_some_and(|body| !body.is_ours()) {
                self.lose_body(index, now);
            }
            self.sight(index, now);
        }
        let mut strangers: Vec<Found> = self.found.values().filter(|found| !self.stands_on(found.inode)).cloned().collect();
        // Plain files before archives (which may be half written copies of them); those where we left them before copies of them.
        let hinted = |found: &Found| self.files.iter().any(|file| file.state.inode == found.inode);
        // Of twins, the log that usually holds most is the one that is read.
        strangers.sort_by_cached_key(|found| {
            let twins = (found.spec, usual_priority(&found.path));
            (found.name.packed, !hinted(found), twins, found.modified, found.path.clone())
        });
        for found in strangers {
            self.consider(&found, now);
        }
        let present = |inode: &Inode| self.found.contains_key(inode);
        self.seen.retain(|inode, _| present(inode));
        self.examining.retain(|examination| self.found.contains_key(&examination.inode));
    }

    /// A scan that a second one confirms when anything moved: a folder is not listed in one instant, and in the middle of a rotation
    /// a file can be missing from the list while a newer one is in it.
    fn steady_scan(&self) -> scan::Scan {
        let mut before: HashMap<Inode, PathBuf> = self.found.values().map(|found| (found.inode, found.path.clone())).collect();
        let mut scan = scan::scan(&self.specs);
        for _ in 0..MAX_SCANS_AGAIN {
            let places = scan.found.iter().map(|found| (found.inode, found.path.clone())).collect();
            if places == before {
                break;
            }
            before = places;
            scan = scan::scan(&self.specs);
        }
        scan
    }

    fn stands_on(&self, inode: Inode) -> bool {
        self.files.iter().any(|file| file.body.as_ref().is_some_and(|body| body.inode == inode))
    }

    /// Notes where the body of a known file stands now.
    fn sight(&mut self, index: usize, now: i64) {
        let file = &mut self.files[index];
        let Some(body) = &file.body else { return };
        let Some(found) = self.found.get(&body.inode) else {
            file.is_live = false;
            return;
        };
        file.is_live = found.name.rank == Rank::Live;
        file.dirty |= file.state.path != found.path || now - file.state.last_seen > SEEN_EVERY;
        if file.dirty {
            file.state.path.clone_from(&found.path);
            file.state.last_seen = now;
        }
    }

    /// Tells what cannot be looked at, once, and when it can be again.
    fn note_problems(&mut self, scan: &scan::Scan) {
        for (path, error) in &scan.problems {
            self.trouble(path, error);
        }
        for pattern in &scan.empty_patterns {
            if !self.empty_patterns.contains(pattern) {
                self.notice(Notice::NothingThere { pattern: pattern.clone() });
            }
        }
        self.empty_patterns.clone_from(&scan.empty_patterns);
        let gone: Vec<_> = self.troubles.keys().filter(|path| !scan.problems.iter().any(|(other, _)| other == *path)).cloned().collect();
        for path in gone {
            // A file that is found but cannot be opened is tried again by `consider`.
            if !scan.found.iter().any(|found| found.path == path) {
                self.troubles.remove(&path);
            }
        }
    }

    /// Decides about a file on which no body stands.
    fn consider(&mut self, found: &Found, now: i64) {
        if let Some(seen) = self.seen.get(&found.inode) {
            let same = seen.size == found.size && seen.modified == found.modified;
            let due = matches!(seen.verdict, Verdict::Later(at) if now >= at);
            if same && !due {
                if let Verdict::Copy { of, .. } = seen.verdict {
                    self.sight_copy(of, now);
                }
                return;
            }
        }
        self.examining.retain(|examination| examination.inode != found.inode);
        // What was read and cannot be read again is committed before anything new of the same log is opened.
        let origin = &self.specs[found.spec].origin;
        if self.files.iter().any(|file| file.commit_first && file.state.log == found.name.log && file.state.origin == *origin) {
            return;
        }
        match self.identify(found, now) {
            Ok(Some(verdict)) => {
                self.readable_again(found);
                self.seen.insert(found.inode, Seen { size: found.size, modified: found.modified, verdict });
            }
            Ok(None) => {
                self.readable_again(found);
                self.seen.remove(&found.inode);
            }
            Err(error) if crate::history::is_gone(&error) => {}
            Err(error) => self.trouble(&found.path, &error),
        }
    }

    fn readable_again(&mut self, found: &Found) {
        if self.troubles.remove(&found.path).is_some() {
            self.notice(Notice::ReadableAgain { path: found.path.clone() });
        }
    }

    fn sight_copy(&mut self, of: usize, now: i64) {
        let file = &mut self.files[of];
        if now - file.state.last_seen > SEEN_EVERY {
            file.state.last_seen = now;
            file.dirty = true;
        }
    }

    /// What a found file is. `None`: a body stands on it now, or it must be looked at again.
    fn identify(&mut self, found: &Found, now: i64) -> Result<Option<Verdict>, Error> {
        if found.size == 0 {
            return Ok(Some(Verdict::Waits));
        }
        let of_open = |error| Error::of_open(&found.path, error);
        let file = File::open(&found.path).map_err(of_open)?;
        let metadata = file.metadata().map_err(of_open)?;
        if Inode::of(&metadata) != found.inode {
            return Ok(None);
        }
        let size = metadata.len();
        let mut head = vec![0; HEAD_BYTES];
        let count = read_at_most(&file, &mut head, 0).map_err(of_open)?;
        head.truncate(count);
        refuse_unknown_format(&found.path, &head)?;
        if Compression::of(&head) != Compression::Plain {
            return self.identify_packed(found, file, now);
        }
        refuse_binary(&found.path, &head)?;
        let settled = found.name.rank != Rank::Live && now - found.modified >= ROTATED_GRACE;
        let Some(line) = first_line(&file, settled).map_err(of_open)? else {
            let later = Verdict::Later(found.modified.max(now - ROTATED_GRACE) + ROTATED_GRACE);
            return Ok(Some(if found.name.rank == Rank::Live { Verdict::Waits } else { later }));
        };
        let candidates = self.candidates(found, &line);
        let fit = |state: &FileState| state.fit_plain(&file, size).map_err(of_open).map(Some);
        match self.judge(&candidates, found, &head, fit)? {
            None => Ok(None),
            Some(Judgement::New) => match self.begin(found, &line, &head, now) {
                Ok(index) => self.attach_plain(index, found, file, &head, now),
                Err(verdict) => Ok(Some(verdict)),
            },
            Some(Judgement::Known(index)) => {
                if self.takes_body(index, size, now) {
                    return self.attach_plain(index, found, file, &head, now);
                }
                self.settle_copy(index, found, now);
                Ok(Some(Verdict::Copy { of: index, offset: self.files[index].state.offset }))
            }
            Some(other) => Ok(Some(self.wait(found, other))),
        }
    }

    fn identify_packed(&mut self, found: &Found, file: File, now: i64) -> Result<Option<Verdict>, Error> {
        let input = Input::from_file(&found.path, file)?;
        let head = input.head().to_vec();
        let text = &head[head.iter().take_while(|byte| **byte == 0).count()..];
        let line = match memchr::memchr(b'\n', text) {
            Some(end) => &text[..end],
            None if text.len() >= FIRST_LINE_BYTES || (!text.is_empty() && now - found.modified >= PACKING_GRACE) => text,
            None => return Ok(Some(Verdict::Later(found.modified.saturating_add(PACKING_GRACE).max(now + SECOND)))),
        };
        let mut candidates = self.candidates(found, line);
        candidates.retain(|index| self.files[*index].body.as_ref().is_none_or(|body| agree(&head, &body.head())));
        if candidates.is_empty() {
            return match self.begin(found, line, &head, now) {
                Ok(index) => {
                    self.attach_packed(index, found, input, now);
                    Ok(None)
                }
                Err(verdict) => Ok(Some(verdict)),
            };
        }
        if candidates.iter().any(|index| self.files[*index].body.is_some() && !self.files[*index].at_end) {
            // What it is compared with is still being read.
            return Ok(Some(Verdict::Later(now + SECOND)));
        }
        let states: Vec<&FileState> = candidates.iter().map(|index| &self.files[*index].state).collect();
        self.examining.push(Examination::new(found.inode, input, &states));
        Ok(Some(Verdict::Examining))
    }

    /// Goes on looking through archives, and decides about those that were seen whole.
    pub(super) fn examine(&mut self, budget_bytes: usize, now: i64) {
        let mut budget = budget_bytes.max(1);
        while budget > 0 && !self.examining.is_empty() {
            let Some(content) = self.examining[0].step(&mut budget) else { return };
            let inode = self.examining.remove(0).inode;
            let Some(found) = self.found.get(&inode).cloned() else { continue };
            match self.decide_packed(&found, &content, now) {
                Ok(Some(verdict)) => {
                    self.seen.insert(inode, Seen { size: found.size, modified: found.modified, verdict });
                }
                Ok(None) => {
                    self.seen.remove(&inode);
                    if !self.stands_on(inode) {
                        self.scanned = None;
                    }
                }
                Err(error) => self.trouble(&found.path, &error),
            }
        }
    }

    fn decide_packed(&mut self, found: &Found, content: &Content, now: i64) -> Result<Option<Verdict>, Error> {
        if content.is_cut && now - found.modified < PACKING_GRACE {
            return Ok(Some(Verdict::Later(found.modified + PACKING_GRACE)));
        }
        let input = Input::open(&found.path)?;
        let head = input.head().to_vec();
        let text = &head[head.iter().take_while(|byte| **byte == 0).count()..];
        let line = memchr::memchr(b'\n', text).map_or(text, |end| &text[..end]).to_vec();
        let candidates = self.candidates(found, &line);
        match self.judge(&candidates, found, &head, |state| Ok(content.fit(state)))? {
            None => Ok(None),
            Some(Judgement::New) => match self.begin(found, &line, &head, now) {
                Ok(index) => {
                    self.attach_packed(index, found, input, now);
                    Ok(None)
                }
                Err(verdict) => Ok(Some(verdict)),
            },
            Some(Judgement::Known(index)) => {
                let file = &mut self.files[index];
                if content.length() > file.state.offset && file.body.is_none() {
                    self.attach_packed(index, found, input, now);
                    return Ok(None);
                }
                if content.length() == file.state.offset && !content.is_cut && file.body.is_none() && !file.state.complete {
                    file.state.complete = true;
                    file.dirty = true;
                }
                self.settle_copy(index, found, now);
                Ok(Some(Verdict::Copy { of: index, offset: self.files[index].state.offset }))
            }
            Some(other) => Ok(Some(self.wait(found, other))),
        }
    }

    /// Known files with this first line.
    fn candidates(&self, found: &Found, line: &[u8]) -> Vec<usize> {
        let origin = &self.specs[found.spec].origin;
        let base = FileId::of(origin, line, 0);
        (0..self.files.len()).filter(|index| self.files[*index].state.base == base && self.files[*index].state.origin == *origin).collect()
    }

    /// Which of the candidates a content is. `None`: one of them moved in the meantime, look again.
    fn judge(
        &self,
        candidates: &[usize],
        found: &Found,
        head: &[u8],
        fit: impl Fn(&FileState) -> Result<Option<Fit>, Error>,
    ) -> Result<Option<Judgement>, Error> {
        let mut whole = Vec::new();
        let mut short = Vec::new();
        for &index in candidates {
            let file = &self.files[index];
            if let Some(body) = &file.body
                && !agree(head, &body.head())
            {
                // Other bytes than a body that was truncated a moment ago prove nothing.
                if !body.is_ours() {
                    return Ok(None);
                }
                continue;
            }
            match fit(&file.state)? {
                None => return Ok(None),
                Some(Fit::No) => {}
                Some(Fit::Whole) => whole.push(index),
                // Where it stood itself, a shorter content with the same first line is a new file after a truncation.
                Some(Fit::Short) if file.state.inode == found.inode => {}
                Some(Fit::Short) => short.push(index),
            }
        }
        let here = whole.iter().copied().filter(|index| self.files[*index].state.inode == found.inode);
        let hinted = here.max_by_key(|index| self.files[*index].state.generation);
        Ok(Some(match (&whole[..], &short[..], hinted) {
            ([], [], _) => Judgement::New,
            ([only], [], _) => Judgement::Known(*only),
            (_, _, Some(hinted)) => Judgement::Known(hinted),
            ([], _, None) => Judgement::Short,
            _ => Judgement::Ambiguous(whole.iter().chain(&short).map(|index| self.files[*index].state.file).collect()),
        }))
    }

    fn wait(&mut self, found: &Found, judgement: Judgement) -> Verdict {
        if let Judgement::Ambiguous(files) = judgement {
            self.notice(Notice::Ambiguous { path: found.path.clone(), files });
        }
        Verdict::Waits
    }

    /// Takes up a new file.
    fn begin(&mut self, found: &Found, line: &[u8], head: &[u8], now: i64) -> Result<usize, Verdict> {
        let spec = &self.specs[found.spec];
        let reference = self.stopped_at.unwrap_or(now).min(now);
        if found.modified < reference.saturating_sub(spec.history) {
            return Err(Verdict::Old);
        }
        if self.files.len() >= MAX_KNOWN_FILES {
            self.notice(Notice::Limit { what: "known files", limit: MAX_KNOWN_FILES });
            return Err(Verdict::Waits);
        }
        let origin = spec.origin.clone();
        let base = FileId::of(&origin, line, 0);
        let generation = self.files.iter().filter(|file| file.state.base == base).map(|file| file.state.generation + 1).max().unwrap_or(0);
        let first = first_time(head, &found.path, found.modified, &mut self.line_time);
        let index = self.track(FileState {
            file: FileId::of(&origin, line, generation),
            base,
            generation,
            origin,
            log: found.name.log.clone(),
            path: found.path.clone(),
            inode: found.inode,
            anchor: mailvane_model::hash::bytes(&[]),
            first_time: first,
            last_seen: now,
            ..FileState::default()
        });
        self.files[index].order_time = first.unwrap_or(found.modified);
        Ok(index)
    }

    /// Whether this found content should be read as the known file.
    fn takes_body(&self, index: usize, size: u64, now: i64) -> bool {
        let file = &self.files[index];
        let more = size > file.state.offset;
        match &file.body {
            None => more || !file.state.complete,
            // The place it was read from is dead or stands still while this copy goes on.
            Some(body) => more && file.at_end && (body.is_unlinked() || now - file.grown >= LINGER) && size > body.size,
        }
    }

    fn attach_plain(&mut self, index: usize, found: &Found, file: File, head: &[u8], now: i64) -> Result<Option<Verdict>, Error> {
        let body = Body::plain(file, found.inode, &self.files[index].state, head).map_err(|error| Error::of_open(&found.path, error))?;
        if let Some(body) = body {
            self.attach(index, found, body, now);
        }
        Ok(None)
    }

    fn attach_packed(&mut self, index: usize, found: &Found, input: Input, now: i64) {
        let body = Body::packed(input, found.inode, &self.files[index].state);
        self.attach(index, found, body, now);
    }

    fn attach(&mut self, index: usize, found: &Found, body: Body, now: i64) {
        self.settle_copy(index, found, now);
        let file = &mut self.files[index];
        file.body = Some(body);
        file.state.complete = false;
        file.is_live = found.name.rank == Rank::Live;
        file.grown = found.modified.min(now);
        file.missing = None;
        file.at_end = false;
        self.seen.remove(&found.inode);
    }

    /// Notes where a known file was seen.
    fn settle_copy(&mut self, index: usize, found: &Found, now: i64) {
        let file = &mut self.files[index];
        if file.body.is_none() {
            file.dirty |= file.state.path != found.path || file.state.inode != found.inode;
            file.state.path.clone_from(&found.path);
            file.state.inode = found.inode;
        }
        file.state.last_seen = now;
    }
}

/// Whether two contents begin alike, as far as both are known.
fn agree(left: &[u8], right: &[u8]) -> bool {
    left.iter().zip(right).all(|(one, two)| one == two)
}

/// The first line of a plain file, NULs before it left out. `None`: it is not whole yet (unless the file is `settled`).
fn first_line(file: &File, settled: bool) -> io::Result<Option<Vec<u8>>> {
    let mut offset = 0;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = file.read_at(&mut piece, offset)?;
        if count == 0 {
            return Ok(None);
        }
        if let Some(start) = piece[..count].iter().position(|byte| *byte != 0) {
            offset += start as u64;
            break;
        }
        offset += count as u64;
    }
    piece.truncate(FIRST_LINE_BYTES + 1);
    let count = read_at_most(file, &mut piece, offset)?;
    piece.truncate(count);
    Ok(match memchr::memchr(b'\n', &piece) {
        Some(end) => Some(piece[..end].to_vec()),
        None if count > FIRST_LINE_BYTES || settled => Some(piece),
        None => None,
    })
}
