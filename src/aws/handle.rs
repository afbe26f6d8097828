//! The one way to an account.

use aws_types::SdkConfig;

use super::Clients;
use crate::clock::Clock;

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
            clock,
        }
    }

    /// The same account for one of `concurrent_batches` processes that work at the same time: asks at its share
    /// of AWS's rates. `1.0` for the only one.
    pub fn sharing(&self, concurrent_batches: f64) -> Self {
        Self {
            clients: self.clients.sharing(concurrent_batches),
            ..self.clone()
        }
    }
}
