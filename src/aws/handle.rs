//! The one way to an account.

use aws_types::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};

use super::buckets::calls_take;
use super::identity::caller_account;
use super::{ApiShare, Clients};
use crate::clock::Clock;
use crate::group::allowed::Allowed;
use crate::group::fault::{Fault, FaultClass};

/// An account and region, as a process reaches it: clients, clock and region. Built once per process, so that
/// everything the process asks is paced together. Cheap to clone; clones share connections, pace and count.
#[derive(Clone, Debug)]
pub struct Aws {
    /// The SDK clients.
    pub clients: Clients,
    /// The time that the account lives in.
    pub clock: Clock,
    /// The region that the clients talk to; empty if the configuration names none.
    pub region: String,
    /// The account's id, once it was asked for.
    pub account: Option<String>,
}

impl Aws {
    /// The account that `sdk` names, on `clock`: so are the SDK's retries, timeouts and credentials.
    pub fn new(clock: Clock, sdk: SdkConfig) -> Self {
        let sdk = sdk
            .into_builder()
            .sleep_impl(clock.clone())
            .time_source(clock.clone())
            .build();
        let region = sdk.region().map(ToString::to_string);
        Self {
            clients: Clients::new(&sdk, clock.clone()),
            region: region.unwrap_or_default(),
            account: None,
            clock,
        }
    }

    /// The time by AWS's clock, as far as answers have shown it: what is compared with times that AWS wrote is compared by it.
    pub fn account_now(&self) -> DateTime<Utc> {
        let (now, offset) = (self.clock.now(), self.clients.clock_offset());
        let by_aws = now.checked_add_signed(offset.unwrap_or_default());
        by_aws.unwrap_or(now)
    }

    /// The same, with the account's id. Where it is not to be had, it is left out: an endpoint may know no accounts, and a
    /// private network may have no way to this one service. No run, and no restore, waits for a name.
    ///
    /// # Errors
    /// AWS takes the credentials for invalid.
    pub async fn identified(clock: Clock, sdk: SdkConfig) -> Result<Self, Fault> {
        let aws = Self::new(clock, sdk);
        let account = match caller_account(&aws.clients).await {
            Ok(account) => Some(account),
            Err(fault) if matches!(fault.class, FaultClass::Denied | FaultClass::Expired) => {
                return Err(fault);
            }
            Err(fault) => {
                tracing::info!(
                    code = fault.code,
                    "the account is not known: {}",
                    fault.message
                );
                None
            }
        };
        Ok(Self { account, ..aws })
    }

    /// The same account, asking at this share of AWS's rates.
    pub fn at_share(&self, share: ApiShare) -> Self {
        self.asking_at(share.part())
    }

    /// The same account within these bounds.
    pub fn allowing(&self, allowed: Allowed) -> Self {
        Self {
            clients: self.clients.allowing(allowed),
            ..self.clone()
        }
    }

    /// The same account, with records and claims signed by this HMAC key of KMS, if one is given, and others not believed.
    pub fn signing_by(&self, kms_key: Option<&str>) -> Self {
        match kms_key {
            Some(key) => Self {
                clients: self.clients.signing_by(key.to_owned()),
                ..self.clone()
            },
            None => self.clone(),
        }
    }

    fn asking_at(&self, share: f64) -> Self {
        Self {
            clients: self.clients.at_share(share),
            ..self.clone()
        }
    }

    /// How long the calls of one group keep the slowest of AWS's rates busy, as far as they may be used.
    pub fn calls_take(&self) -> TimeDelta {
        calls_take(self.clients.share())
    }

    /// The same account for one of `processes` that work at the same time: each asks at its part of the share.
    pub fn one_of(&self, processes: f64) -> Self {
        self.asking_at(self.clients.share() / processes.max(1.0))
    }
}
