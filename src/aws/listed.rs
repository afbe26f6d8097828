//! The entries of bulk answers, by what they are about: one that makes no sense spoils no other.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::group::fault::Fault;

/// Entries by key.
#[derive(Clone, Debug)]
pub struct Listed<K, T> {
    entries: BTreeMap<K, Result<T, Fault>>,
    /// An entry of which nobody can tell what it is about: it may be any that is not listed.
    nameless: Option<Fault>,
}

impl<K: Ord, T> Listed<K, T> {
    /// The entry of `key`; `None` if there is none.
    ///
    /// # Errors
    /// An entry that makes no sense: that of `key`, or one that may be.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Option<&T>, &Fault>
    where
        K: Borrow<Q>,
    {
        match (self.entries.get(key), &self.nameless) {
            (Some(entry), _) => entry.as_ref().map(Some),
            (None, Some(nameless)) => Err(nameless),
            (None, None) => Ok(None),
        }
    }

    /// The entries of `keys` that make sense, and those that make none.
    pub(super) fn sorted(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> (BTreeMap<K, T>, BTreeMap<K, Fault>) {
        let (mut there, mut odd) = (BTreeMap::new(), BTreeMap::new());
        for key in keys {
            match (self.entries.remove(&key), &self.nameless) {
                (Some(Ok(entry)), _) => _ = there.insert(key, entry),
                (Some(Err(fault)), _) => _ = odd.insert(key, fault),
                (None, Some(nameless)) => _ = odd.insert(key, nameless.clone()),
                (None, None) => {}
            }
        }
        (there, odd)
    }
}

impl<K: Ord, T> FromIterator<(Result<K, Fault>, Result<T, Fault>)> for Listed<K, T> {
    fn from_iter<I>(entries: I) -> Self
    where
        I: IntoIterator<Item = (Result<K, Fault>, Result<T, Fault>)>,
    {
        let mut listed = Self {
            entries: BTreeMap::new(),
            nameless: None,
        };
        for (key, entry) in entries {
            match key {
                Ok(key) => _ = listed.entries.insert(key, entry),
                Err(fault) => _ = listed.nameless.get_or_insert(fault),
            }
        }
        listed
    }
}
