//! Beliefs about launch templates, their versions, and what groups launch from them.

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest,
    LaunchTemplateVersion, RequestLaunchTemplateData,
};

use super::bench::{Bench, LAUNCH};
use super::shown::Member;
use super::trouble::{Answer, Trouble, answer, given, present};

/// New things that show within this are shown quickly, seconds.
const QUICK: f64 = 4.0;
/// The longest delay that a variant describes, seconds.
const SLOW: f64 = 20.0;
/// After this long a new version is known everywhere, seconds.
const KNOWN: u64 = 30;

/// The id of no snapshot, for an image that shows none. Nothing is launched from the version that names it.
const NO_SNAPSHOT: &str = "snap-00000000000000000";

/// CreateLaunchTemplateVersion from a source version; returns the number.
async fn new_version(
    bench: &Bench,
    (source, token): (&str, &str),
    data: RequestLaunchTemplateData,
) -> Result<Answer<i64>, Trouble> {
    let call = bench.aws.clients.ec2.create_launch_template_version();
    let call = call
        .launch_template_name(&bench.name)
        .source_version(source)
        .client_token(bench.token(token))
        .launch_template_data(data);
    let operation = "ec2:CreateLaunchTemplateVersion";
    match answer(operation, call.send().await)? {
        Answer::Refused(code) => Ok(Answer::Refused(code)),
        Answer::Given(made) => {
            let version = made.launch_template_version();
            let number = version.and_then(|v| v.version_number());
            present(number, operation).map(Answer::Given)
        }
    }
}

async fn made(
    bench: &Bench,
    place: (&str, &str),
    data: RequestLaunchTemplateData,
) -> Result<i64, Trouble> {
    match new_version(bench, place, data).await? {
        Answer::Given(number) => Ok(number),
        Answer::Refused(code) => Err(Trouble::Unseen(format!("no new version: {code}"))),
    }
}

fn empty() -> RequestLaunchTemplateData {
    RequestLaunchTemplateData::builder().build()
}

/// All versions with a number of at least `least`.
async fn versions(bench: &Bench, least: i64) -> Result<Vec<LaunchTemplateVersion>, Trouble> {
    let call = bench.aws.clients.ec2.describe_launch_template_versions();
    let call = call.launch_template_name(&bench.name);
    let sent = call.min_version(least.to_string()).send().await;
    let answer = given("ec2:DescribeLaunchTemplateVersions", sent)?;
    Ok(answer.launch_template_versions().to_vec())
}

/// Whether reads show a version that is asked for by number.
async fn is_shown(bench: &Bench, number: i64) -> Result<bool, Trouble> {
    let call = bench.aws.clients.ec2.describe_launch_template_versions();
    let call = call.launch_template_name(&bench.name);
    let sent = call.versions(number.to_string()).send().await;
    let answer = answer("ec2:DescribeLaunchTemplateVersions", sent)?;
    Ok(match answer {
        Answer::Given(shown) => !shown.launch_template_versions().is_empty(),
        Answer::Refused(_) => false,
    })
}

async fn until_shown(bench: &Bench, number: i64) -> Result<(), Trouble> {
    let shown = async || Ok(is_shown(bench, number).await?.then_some(()));
    bench
        .until(("a read of the new version", LAUNCH), shown)
        .await
}

/// Versions that nothing is launched from.
pub(super) async fn numbers(bench: &Bench) -> Result<(), Trouble> {
    bench.make_template(bench.data().build()).await?;
    let number = made(bench, ("1", "second"), empty()).await?;
    let made_at = bench.now();
    until_shown(bench, number).await?;
    let took = bench.since(made_at);
    let variant = match took {
        t if t <= QUICK => Some("seconds"),
        t if t <= SLOW => Some("ten-seconds"),
        _ => None,
    };
    let found = format!("a new version was shown after {took:.0} s");
    bench.variant("ec2-read-delay", variant, found);
    bench.wait(KNOWN).await;
    let at_least: Vec<Option<i64>> = versions(bench, number)
        .await?
        .iter()
        .map(LaunchTemplateVersion::version_number)
        .collect();
    let shown = at_least.contains(&Some(number));
    let variant = if shown { "inclusive" } else { "exclusive" };
    let found = format!("MinVersion={number} shows {} versions", at_least.len());
    bench.variant("min-version", Some(variant), found);
    same_token(bench, number).await?;
    default_version(bench).await?;
    source_snapshots(bench).await
}

/// The token of a version again, with the same parameters and with others.
async fn same_token(bench: &Bench, number: i64) -> Result<(), Trouble> {
    let again = made(bench, ("1", "second"), empty()).await?;
    let data = RequestLaunchTemplateData::builder()
        .ebs_optimized(false)
        .build();
    let other = new_version(bench, ("1", "second"), data).await?;
    let found = format!(
        "the same call again answered version {again} after {number}; with other parameters: {}",
        match &other {
            Answer::Given(number) => format!("version {number}"),
            Answer::Refused(code) => code.clone(),
        }
    );
    let holds = again == number && other.is_refused();
    bench.holds("token-makes-once", holds, found);
    Ok(())
}

async fn default_version(bench: &Bench) -> Result<(), Trouble> {
    let call = bench.aws.clients.ec2.delete_launch_template_versions();
    let call = call.launch_template_name(&bench.name).versions("1");
    let deleted = answer("ec2:DeleteLaunchTemplateVersions", call.send().await)?;
    let (gone, found) = match &deleted {
        Answer::Given(answer) => {
            let gone = !answer
                .successfully_deleted_launch_template_versions()
                .is_empty();
            let kept = answer.unsuccessfully_deleted_launch_template_versions();
            let code = kept.first().and_then(|v| v.response_error()?.code());
            (gone, code.map_or("deleted", |c| c.as_str()).to_owned())
        }
        Answer::Refused(code) => (false, code.clone()),
    };
    let found = format!("deletion of the default version: {found}");
    bench.holds("default-is-not-deleted", !gone, found);
    Ok(())
}

/// A version with the snapshot of the image's own volume on another device, and one made from it.
async fn source_snapshots(bench: &Bench) -> Result<(), Trouble> {
    let call = bench.aws.clients.ec2.describe_images();
    let sent = call.image_ids(&bench.settings.image).send().await;
    let answer = given("ec2:DescribeImages", sent)?;
    let images = answer.images().iter();
    let mut devices = images.flat_map(|i| i.block_device_mappings());
    let of_image = devices.find_map(|d| d.ebs()?.snapshot_id());
    let snapshot = of_image.unwrap_or(NO_SNAPSHOT);
    let ebs = LaunchTemplateEbsBlockDeviceRequest::builder().snapshot_id(snapshot);
    let device = LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name("/dev/sdf")
        .ebs(ebs.build())
        .build();
    let builder = RequestLaunchTemplateData::builder();
    let data = builder.block_device_mappings(device).build();
    let source = made(bench, ("$Latest", "source"), data).await?;
    until_shown(bench, source).await?;
    bench.wait(KNOWN).await;
    let place = source.to_string();
    let number = made(bench, (&place, "from-source"), empty()).await?;
    until_shown(bench, number).await?;
    bench.wait(KNOWN).await;
    let all = versions(bench, 1).await?;
    let data = |n: i64| {
        let version = all.iter().find(|v| v.version_number() == Some(n));
        version.and_then(LaunchTemplateVersion::launch_template_data)
    };
    let names = |n: i64| {
        let devices = data(n)
            .map(|d| d.block_device_mappings())
            .unwrap_or_default();
        devices
            .iter()
            .any(|d| d.ebs().is_some_and(|e| e.snapshot_id().is_some()))
    };
    if !names(source) {
        let why = "the source version shows no snapshot itself".to_owned();
        return Err(Trouble::Unseen(why));
    }
    let inherited = names(number);
    let words = if inherited {
        "inherited"
    } else {
        "not inherited"
    };
    let found = format!("the snapshot was {words}");
    bench.holds("source-version-snapshots", !inherited, found);
    Ok(())
}

/// Launches one instance and returns the version that its member names.
async fn launched_version(bench: &Bench) -> Result<String, Trouble> {
    bench.sized(0, 1, 1).await?;
    let named = |m: &Member| (!m.version.is_empty()).then(|| m.version.clone());
    bench
        .group_until(("a member that names its version", LAUNCH), |g| {
            g.members.iter().find_map(named)
        })
        .await
}

/// A group that follows `$Latest`, and a version that is made after the group.
pub(super) async fn latest(bench: &Bench) -> Result<(), Trouble> {
    bench.make_template(bench.data().build()).await?;
    let source =
        |call: super::bench::Creation| call.launch_template(bench.at_version(Some("$Latest")));
    bench.make_group((0, 0, 0), source).await?;
    made(bench, ("1", "second"), empty()).await?;
    bench.wait(KNOWN).await;
    let version = launched_version(bench).await?;
    let is_number = version.parse::<u64>().is_ok();
    let found = format!("a member of a group at $Latest names '{version}'");
    bench.holds("member-names-its-version", is_number, found);
    if is_number {
        let found = format!("launched from version {version} of 2");
        bench.holds("latest-deploys-at-creation", version == "2", found);
    }
    Ok(())
}

/// A group that names no version, of a template whose default is not its latest.
pub(super) async fn no_version(bench: &Bench) -> Result<(), Trouble> {
    bench.make_template(bench.data().build()).await?;
    made(bench, ("1", "second"), empty()).await?;
    bench.wait(KNOWN).await;
    let source = |call: super::bench::Creation| call.launch_template(bench.at_version(None));
    bench.make_group((0, 0, 0), source).await?;
    let version = launched_version(bench).await?;
    let found = format!("launched from version {version}; the default is 1, the latest 2");
    bench.holds("no-version-means-default", version == "1", found);
    Ok(())
}
