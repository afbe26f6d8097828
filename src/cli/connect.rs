//! The way to AWS: configuration as the AWS CLI finds it, checked before the first call.

use asg_patch::aws::Aws;
use asg_patch::channels::Outside;
use asg_patch::clock::{CLOCK_VARIABLE, Clock};
use asg_patch::run::RunError;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::endpoint;
use super::error::CliError;
use super::options::AwsOptions;
use super::profiles;

/// The account that the options and the environment name.
///
/// # Errors
/// No region, no credentials, a wrong endpoint or clock, or no answer from AWS.
pub(crate) async fn connect(options: &AwsOptions) -> Result<Aws, CliError> {
    Ok(connect_with_outside(options).await?.0)
}

/// The same, with the way to third parties.
///
/// # Errors
/// Those of [`connect`].
pub(crate) async fn connect_with_outside(options: &AwsOptions) -> Result<(Aws, Outside), CliError> {
    let (clock, sdk) = configure(options).await?;
    let outside = outside(options, &sdk, &clock)?;
    let aws = Aws::identified(clock, sdk).await.map_err(RunError::from)?;
    Ok((aws.signing_by(options.mac_key.as_deref()), outside))
}

/// The way to third parties: the simulated ones, where the account is the simulated one.
///
/// # Errors
/// The simulated account's endpoint is not on this machine.
pub(crate) fn outside(
    options: &AwsOptions,
    sdk: &SdkConfig,
    clock: &Clock,
) -> Result<Outside, CliError> {
    match (&options.simulated_clock, sdk.endpoint_url()) {
        (Some(_), Some(endpoint)) => Outside::simulated_at(endpoint, clock.clone())
            .map_err(|e| CliError::input("--endpoint-url", e.expected, e.found)),
        (Some(_), None) | (None, _) => Ok(Outside::real(clock.clone())),
    }
}

/// Clock and SDK configuration of the account that the options and the environment name.
///
/// # Errors
/// No region, no credentials, or a wrong endpoint or clock.
pub(crate) async fn configure(options: &AwsOptions) -> Result<(Clock, SdkConfig), CliError> {
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
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let place = sdk
        .endpoint_url()
        .map_or(format!("AWS in {region}"), str::to_owned);
    endpoint::remember(place);
    let Some(simulated) = &options.simulated_clock else {
        return Ok((Clock::system(), sdk));
    };
    let clock = simulated
        .clock(sdk.endpoint_url())
        .map_err(|e| CliError::input(CLOCK_VARIABLE, e.expected, e.found))?;
    Ok((clock, sdk))
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
    // Other names are only meant where another endpoint stands in for AWS.
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

/// Without this the first call would fail, in words that name neither the cause nor the fix.
async fn check_credentials(sdk: &SdkConfig, options: &AwsOptions) -> Result<(), CliError> {
    let found = match sdk.credentials_provider() {
        None => "no provider".into(),
        Some(provider) => match provider.provide_credentials().await {
            Ok(_) => return Ok(()),
            Err(error) => {
                let causes = asg_patch::aws::with_causes(&error);
                let causes = asg_patch::text::plain_text(&causes);
                causes.trim_end_matches('.').to_owned()
            }
        },
    };
    let profile = profiles::chosen(options.profile.as_deref());
    let known = profiles::profiles();
    let is_named = profile != "default";
    Err(match known.get(&profile).copied() {
        None if is_named => CliError::NoProfile {
            profile,
            known: known.into_keys().collect(),
        },
        Some(true) => CliError::LoggedOut { profile },
        Some(false) | None => CliError::Credentials {
            found: match is_named {
                true => format!("nothing usable in the profile '{profile}': {found}"),
                false => found,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::is_region;

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
}
