//! The way to AWS: configuration as the AWS CLI finds it, checked before the first call.

use std::str::FromStr;

use asg_patch::clock::Clock;
use asg_patch::run::Env;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use chrono::{DateTime, Utc};

use super::error::CliError;
use super::options::AwsOptions;

/// Where [`SimulatedClock`] travels from `simulate` to the commands that talk to it.
pub(super) const CLOCK_VARIABLE: &str = "ASG_PATCH_SIMULATED_CLOCK";

/// Clock and SDK configuration of the account that the options and the environment name.
pub(crate) async fn connect(options: &AwsOptions) -> Result<Env, CliError> {
    if let Some(url) = &options.endpoint_url {
        check_endpoint("--endpoint-url", url)?;
    }
    if let Ok(url) = std::env::var("AWS_ENDPOINT_URL") {
        check_endpoint("AWS_ENDPOINT_URL", &url)?;
    }
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .sleep_impl(Clock::system())
        .time_source(Clock::system());
    if let Ok(name) = AppName::new("asg-patch") {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let mut sdk = loader.load().await;
    check_region(&sdk, options)?;
    if let Some(profile) = &options.profile {
        sdk = with_profile_credentials(sdk, profile);
    }
    check_credentials(&sdk, options).await?;
    let Some(simulated) = &options.simulated_clock else {
        let clock = Clock::system();
        return Ok(Env { clock, sdk });
    };
    let clock = simulated.clock(sdk.endpoint_url())?;
    let sdk = sdk
        .into_builder()
        .sleep_impl(clock.clone())
        .time_source(clock.clone())
        .build();
    Ok(Env { clock, sdk })
}

/// Like the AWS CLI: a profile named by flag outranks keys in the environment. The SDK's own chain
/// would take the keys, and so another account than the one that was asked for.
fn with_profile_credentials(sdk: SdkConfig, profile: &str) -> SdkConfig {
    let surroundings = ProviderConfig::without_region().with_region(sdk.region().cloned());
    let provider = ProfileFileCredentialsProvider::builder()
        .configure(&surroundings)
        .profile_name(profile)
        .build();
    sdk.into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .build()
}

fn check_endpoint(place: &str, url: &str) -> Result<(), CliError> {
    let fits = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|h| !h.is_empty())
    });
    if fits {
        return Ok(());
    }
    let expected = "a URL such as http://127.0.0.1:4566 or https://HOST";
    Err(CliError::input(place, expected, format!("'{url}'")))
}

fn check_region(sdk: &SdkConfig, options: &AwsOptions) -> Result<(), CliError> {
    let Some(region) = sdk.region().map(AsRef::as_ref) else {
        let place = match &options.profile {
            Some(profile) => format!("the region (profile '{profile}')"),
            None => "the region".into(),
        };
        return Err(CliError::input(
            place,
            "--region, AWS_REGION, AWS_DEFAULT_REGION or `region` in the profile",
            "none of them. Say for instance: --region eu-west-1",
        ));
    };
    // Other names are only meant where somebody else's endpoint stands in for AWS.
    if sdk.endpoint_url().is_some() || is_region(region) {
        return Ok(());
    }
    let place = match &options.region {
        Some(_) => "--region",
        None => "the region of the AWS configuration",
    };
    let expected = "a name such as eu-west-1";
    Err(CliError::input(place, expected, format!("'{region}'")))
}

/// `eu-west-1`, `us-gov-east-1`, `ap-southeast-5`: words and a number.
fn is_region(name: &str) -> bool {
    let mut parts: Vec<&str> = name.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let word = |w: &&str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase());
    parts.len() >= 2
        && parts.iter().all(word)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// Without this the first call would fail, in words that name neither the cause nor the cure.
async fn check_credentials(sdk: &SdkConfig, options: &AwsOptions) -> Result<(), CliError> {
    let found = match sdk.credentials_provider() {
        None => "no provider".into(),
        Some(provider) => match provider.provide_credentials().await {
            Ok(_) => return Ok(()),
            Err(error) => asg_patch::report::plain_text(&asg_patch::aws::with_causes(&error)),
        },
    };
    let found = match &options.profile {
        Some(profile) => format!("nothing usable in the profile '{profile}': {found}"),
        None => found,
    };
    Err(CliError::Credentials { found })
}

/// A sped-up simulated account's clock, so that a run against it waits as fast as it lives: at
/// the real time REAL it showed SIMULATED, and since then it runs SPEED times as fast.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SimulatedClock {
    pub(super) speed: u32,
    pub(super) real: DateTime<Utc>,
    pub(super) simulated: DateTime<Utc>,
}

impl SimulatedClock {
    /// The clock, if the endpoint is on this machine: a real account must never be driven by a
    /// variable that somebody forgot to unset.
    fn clock(&self, endpoint: Option<&str>) -> Result<Clock, CliError> {
        let host = endpoint
            .and_then(|url| url.parse::<http::Uri>().ok())
            .and_then(|uri| uri.host().map(|h| h.trim_matches(['[', ']']).to_owned()));
        let local = host.as_deref().is_some_and(|host| {
            host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        });
        if !local {
            return Err(CliError::input(
                CLOCK_VARIABLE,
                "to be used with the loopback endpoint of `asg-patch simulate` only",
                match endpoint {
                    Some(url) => format!("the endpoint {url}"),
                    None => format!("no endpoint. For the real AWS: unset {CLOCK_VARIABLE}"),
                },
            ));
        }
        let passed = Clock::system().now() - self.real;
        let now = i32::try_from(self.speed)
            .ok()
            .and_then(|speed| passed.checked_mul(speed))
            .and_then(|passed| self.simulated.checked_add_signed(passed))
            .ok_or_else(|| {
                let expected = "a time that the calendar can hold";
                CliError::input(CLOCK_VARIABLE, expected, self.to_string())
            })?;
        Ok(Clock::simulated(now.max(self.simulated), self.speed))
    }
}

impl std::fmt::Display for SimulatedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |t: &DateTime<Utc>| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let (real, simulated) = (text(&self.real), text(&self.simulated));
        write!(f, "{}@{real}@{simulated}", self.speed)
    }
}

impl FromStr for SimulatedClock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let mut parts = text.split('@');
            let clock = Self {
                speed: parts.next()?.parse().ok().filter(|s| *s > 0)?,
                real: parts.next()?.parse().ok()?,
                simulated: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(clock)
        };
        parsed().ok_or_else(|| {
            format!(
                "expected SPEED@REAL@SIMULATED as `asg-patch simulate` prints it, found '{text}'"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{SimulatedClock, is_region};

    #[test]
    fn regions_are_words_and_a_number() {
        for region in [
            "eu-west-1",
            "us-gov-east-1",
            "mx-central-1",
            "eusc-de-east-1",
        ] {
            assert!(is_region(region), "{region}");
        }
        for other in [
            "",
            "eu",
            "eu-west",
            "Ireland",
            "eu-west-1a",
            "eu_west_1",
            "eu-west-",
        ] {
            assert!(!is_region(other), "{other}");
        }
    }

    #[test]
    fn a_simulated_clock_reads_back_and_stays_on_loopback() {
        let text = "100@2026-07-01T10:00:00.000Z@2026-10-14T04:00:00.000Z";
        let clock: SimulatedClock = text.parse().unwrap();
        assert_eq!(clock.to_string(), text);
        for wrong in [
            "",
            "100",
            "0@2026-07-01T10:00:00Z@2026-07-01T10:00:00Z",
            "5@a@b",
        ] {
            assert!(wrong.parse::<SimulatedClock>().is_err(), "{wrong}");
        }
        for far in [
            None,
            Some("https://autoscaling.eu-west-1.amazonaws.com"),
            Some("http://10.0.0.1"),
        ] {
            let error = clock.clock(far).unwrap_err().to_string();
            assert!(
                error.starts_with("ASG_PATCH_SIMULATED_CLOCK: expected"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_simulated_clock_has_run_on_since_it_was_printed() {
        let text = "10@2020-01-01T00:00:00Z@2026-10-14T04:00:00Z";
        let clock: SimulatedClock = text.parse().unwrap();
        for near in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"] {
            let now = clock.clock(Some(near)).unwrap().now();
            assert!(
                now > "2070-01-01T00:00:00Z"
                    .parse::<chrono::DateTime<chrono::Utc>>()
                    .unwrap()
            );
        }
    }
}
