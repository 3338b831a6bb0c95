//! [`CopyOf`]: an isolate's copy of a document that one authority publishes, and when to read it anew. The registry of
//! agents is one such ([`Copy`](type@Copy)); what is said of it here holds of the deny list too.
//!
//! The store answers with what it had at most 60 s ago (KV), and a copy serves for at most [`MAX_AGE`] without being
//! read anew, so that a suspension acts everywhere within 90 s of being published, which is at once unless the store
//! takes no writes. Shortly before that age one request has it read anew in the background, so that under load nobody
//! waits. While the store fails, the copy serves on up to [`MAX_AGE_WHILE_FAILING`]; after that, and where there never
//! was one, there is no registry, and what needs it is refused. A store that has no registry fails too: else losing it
//! would resume every suspended agent.
//!
//! A store that takes no writes still answers, with what it had. That is why the document says when it was published,
//! which whoever writes it does anew every [`PUBLISHED_EVERY`], changed or not: from [`MAX_PUBLISHED_AGE`] on it is
//! outdated ([`Copy::loaded`]), and the host asks the writer itself. So an unpublished suspension acts within 10 min and
//! 30 s, and where the writer cannot be asked either, no copy serves 15 min after it was published.

use alloc::sync::Arc;
use core::time::Duration;

use super::Registry;
pub use super::document::published;
use crate::crypto::sha256;
use crate::time::UnixMillis;

/// How old a copy may be: 30 s.
pub const MAX_AGE: Duration = Duration::from_secs(30);
/// From which age on a copy is read anew in the background: 20 s.
pub const REFRESH_FROM: Duration = Duration::from_secs(20);
/// How often the document is published: every 5 min, so that one that is lost makes no document outdated.
pub const PUBLISHED_EVERY: Duration = Duration::from_mins(5);
/// How long ago a document may have been published: 10 min.
pub const MAX_PUBLISHED_AGE: Duration = Duration::from_mins(10);
/// How far ahead the publisher's clock may be: 60 s. What is from later than that says nothing about its age.
pub const MAX_CLOCK_AHEAD: Duration = Duration::from_mins(1);
/// How old a copy may be while the store fails, from when it was read, and from when it was published: 15 min.
pub const MAX_AGE_WHILE_FAILING: Duration = Duration::from_mins(15);
/// How long after a failure the store is left alone: 5 s.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long a reader may take before another tries: 10 s.
pub const LEASE: Duration = Duration::from_secs(10);

/// What a store has as one text, and isolates keep copies of.
pub trait Document: Clone + PartialEq {
    /// Reads a text of the store, and when it was published; `None` for what is none.
    fn read(text: &str) -> Option<(Self, Option<UnixMillis>)>;

    /// How many changes there have been.
    fn revision(&self) -> u64;

    /// This, which the store has, laid over what the configuration says.
    #[must_use]
    fn over(&self, configured: &Self) -> Self;
}

impl Document for Registry {
    fn read(text: &str) -> Option<(Self, Option<UnixMillis>)> {
        Self::read(text).ok()
    }

    fn revision(&self) -> u64 {
        self.revision()
    }

    fn over(&self, configured: &Self) -> Self {
        self.over(configured)
    }
}

/// What an isolate has of a document.
#[derive(Clone, Debug)]
pub enum Copied<D> {
    /// The document.
    Fresh(Arc<D>),
    /// The document, which whoever gets this reads anew, after the response.
    Stale(Arc<D>),
    /// Nothing that may be used: whoever gets this reads it.
    Ask,
    /// Somebody else is reading it.
    Wait,
    /// It cannot be had now.
    Unavailable,
}

/// What an isolate has of the registry.
pub type Agents = Copied<Registry>;

/// An isolate's copy of the registry.
pub type Copy = CopyOf<Registry>;

/// The copy. It knows nothing of where it is read from.
#[derive(Clone, Debug)]
pub struct CopyOf<D> {
    held: Option<Held<D>>,
    asked: Option<UnixMillis>,
    failed: Option<UnixMillis>,
}

impl<D> Default for CopyOf<D> {
    /// None yet.
    fn default() -> Self {
        Self { held: None, asked: None, failed: None }
    }
}

#[derive(Clone, Debug)]
struct Held<D> {
    stored: D,
    /// Of the text it was read from: the same text is not parsed again.
    digest: [u8; 32],
    read_at: UnixMillis,
    published_at: UnixMillis,
    /// The configuration's part, and both laid over each other.
    merged: Option<(Arc<D>, Arc<D>)>,
}

impl Copy {
    /// What there is of the registry, laid over what the configuration says.
    pub fn agents(&mut self, configured: &Arc<Registry>, now: UnixMillis) -> Agents {
        self.copied(configured, now)
    }
}

impl<D: Document> CopyOf<D> {
    /// What there is, laid over what the configuration says.
    pub fn copied(&mut self, configured: &Arc<D>, now: UnixMillis) -> Copied<D> {
        self.forget_the_too_old(now);
        let failing = self.failed.is_some_and(|failed| now.since(failed) < RETRY_AFTER);
        let asking = self.asked.is_some_and(|asked| now.since(asked) < LEASE);
        let Some(held) = &mut self.held else {
            return match (failing, asking) {
                (true, _) => Copied::Unavailable,
                (_, true) => Copied::Wait,
                _ => self.ask(now),
            };
        };
        let age = now.since(held.read_at);
        if age < REFRESH_FROM || failing || (asking && age < MAX_AGE) {
            Copied::Fresh(held.over(configured))
        } else if age < MAX_AGE {
            let registry = held.over(configured);
            self.asked = Some(now);
            Copied::Stale(registry)
        } else if asking {
            Copied::Wait
        } else {
            self.ask(now)
        }
    }

    fn ask(&mut self, now: UnixMillis) -> Copied<D> {
        self.asked = Some(now);
        Copied::Ask
    }

    /// Takes in what the store has. Answers `false` where that is outdated, and was not taken: the host then asks
    /// whoever writes the store, and takes in the answer, or that there is none. Until it does, others wait for it.
    pub fn loaded(&mut self, text: Option<&str>, now: UnixMillis) -> bool {
        self.forget_the_too_old(now);
        match text.map(|text| self.take(text, now)) {
            Some(Ok(())) => (self.asked, self.failed) = (None, None),
            Some(Err(Unfit::Outdated)) => return false,
            Some(Err(Unfit::Refused)) | None => self.failed(now),
        }
        true
    }

    fn take(&mut self, text: &str, now: UnixMillis) -> Result<(), Unfit> {
        let digest = sha256(text.as_bytes());
        // The store was read some time after it was asked, at the least.
        let read_at = self.asked.unwrap_or(now);
        let known = self.held.as_mut().filter(|held| held.digest == digest);
        if let Some(held) = known {
            check_published(held.published_at, now)?;
            held.read_at = held.read_at.max(read_at);
            return Ok(());
        }
        let (stored, published_at) = D::read(text).ok_or(Unfit::Refused)?;
        // Without a time it may be of any.
        let published_at = published_at.ok_or(Unfit::Outdated)?;
        check_published(published_at, now)?;
        match &mut self.held {
            // A store that is only eventually consistent may go back in time; what was suspended stays so.
            Some(held) if held.stored.revision() > stored.revision() => return Err(Unfit::Refused),
            // Nothing has changed but the time: what was made of it is kept.
            Some(held) if held.stored == stored => {
                held.read_at = held.read_at.max(read_at);
                if held.published_at < published_at {
                    (held.published_at, held.digest) = (published_at, digest);
                }
            }
            _ => self.held = Some(Held { stored, digest, read_at, published_at, merged: None }),
        }
        Ok(())
    }

    /// Takes in that the store did not answer.
    pub fn failed(&mut self, now: UnixMillis) {
        (self.asked, self.failed) = (None, Some(now));
    }

    /// How long ago what is there was read, and how many changes it has seen.
    #[must_use]
    pub fn age(&self, now: UnixMillis) -> Option<(Duration, u64)> {
        self.held.as_ref().map(|held| (now.since(held.read_at), held.stored.revision()))
    }

    fn forget_the_too_old(&mut self, now: UnixMillis) {
        self.held.take_if(|held| now.since(held.read_at.min(held.published_at)) >= MAX_AGE_WHILE_FAILING);
    }
}

/// Why a document is not taken.
enum Unfit {
    /// It is too old to go by, or nobody knows how old.
    Outdated,
    /// It is none, or older than the copy.
    Refused,
}

fn check_published(at: UnixMillis, now: UnixMillis) -> Result<(), Unfit> {
    let is_current = now.since(at) < MAX_PUBLISHED_AGE && at.since(now) <= MAX_CLOCK_AHEAD;
    if is_current { Ok(()) } else { Err(Unfit::Outdated) }
}

impl<D: Document> Held<D> {
    fn over(&mut self, configured: &Arc<D>) -> Arc<D> {
        match &self.merged {
            Some((base, merged)) if Arc::ptr_eq(base, configured) => Arc::clone(merged),
            _ => {
                let merged = Arc::new(self.stored.over(configured));
                self.merged = Some((Arc::clone(configured), Arc::clone(&merged)));
                merged
            }
        }
    }
}
