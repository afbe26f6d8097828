//! How many pages a list of the whole account has, as far as it has been read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of pages that the list is known to exceed. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownPages(Arc<AtomicUsize>);

impl KnownPages {
    /// The list has more pages than this; 0 if nothing is known.
    pub(super) fn exceed(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Remembers the number of pages that were read, if more followed.
    pub(super) fn learn(&self, pages: usize, more_follow: bool) {
        let exceeded = if more_follow { pages } else { 0 };
        self.0.store(exceeded, Ordering::Relaxed);
    }
}
