//! The SDK's configuration over a simulated account: no environment, no files, no real time.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::app_name::AppName;
use aws_types::region::Region;
use aws_types::sdk_config::SdkConfig;

use super::account::Account;
use super::connector::SimConnector;

/// A configuration whose clients talk to `account` and follow its clock.
///
/// `name` tells simulations apart in the user agent (left out if it is no legal application name).
/// The SDK's retry budget is shared by the process unless each client's own configuration is given a
/// retry partition: a general configuration cannot hold one.
pub fn sdk_config(account: &Account, name: &str) -> SdkConfig {
    let clock = account.clock().clone();
    let region = account.with_world(|w| w.region.clone());
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
            "SIMULATED",
            "simulated",
            None,
        )))
        .http_client(SimConnector::new(account.clone()))
        .sleep_impl(clock.clone())
        .time_source(clock);
    builder.set_app_name(AppName::new(name.to_owned()).ok());
    builder.build()
}
