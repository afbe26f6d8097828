//! Request rates of third parties.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

#[derive(Clone, Debug)]
struct Bucket {
    tokens: f64,
    filled_at: DateTime<Utc>,
}

/// Token buckets by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates(BTreeMap<String, Bucket>);

impl Rates {
    /// Takes a token, or says in how many seconds there is one.
    pub(super) fn take(
        &mut self,
        name: &str,
        size: f64,
        per_second: f64,
        now: DateTime<Utc>,
    ) -> Result<(), u64> {
        let bucket = self.0.entry(name.to_owned()).or_insert(Bucket {
            tokens: size,
            filled_at: now,
        });
        let seconds = (now - bucket.filled_at).as_seconds_f64().max(0.0);
        bucket.tokens = (bucket.tokens + seconds * per_second).min(size);
        bucket.filled_at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - bucket.tokens) / per_second;
        Err(wait.ceil().max(1.0) as u64)
    }
}
