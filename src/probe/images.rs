//! Beliefs about images.

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest, ResourceType,
};

use super::bench::Bench;
use super::trouble::{Answer, Trouble, answer, given, present};

/// An image is made within this, seconds: its snapshots are of volumes that hold little.
const IMAGE: u64 = 1800;

/// The blank volume beside the root volume, GiB.
const BLANK: i32 = 1;

/// An image of an instance with two volumes; its name again before and after it is deregistered.
pub(super) async fn names(bench: &Bench) -> Result<(), Trouble> {
    let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
        .volume_size(BLANK)
        .delete_on_termination(true)
        .build();
    let blank = LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name("/dev/sdf")
        .ebs(ebs)
        .build();
    let data = bench.data().block_device_mappings(blank).build();
    bench.make_template(data).await?;
    let source = |call: super::bench::Creation| call.launch_template(bench.at_version(Some("1")));
    bench.make_group((0, 1, 1), source).await?;
    let instance = bench.awake().await?;
    let volumes = attached(bench, &instance).await?;
    let Answer::Given(image) = create(bench, &instance).await? else {
        return Err(Trouble::Unseen("CreateImage was refused".into()));
    };
    let again = create(bench, &instance).await?;
    let found = match &again {
        Answer::Given(_) => "a second image of the same name was made".to_owned(),
        Answer::Refused(code) => format!("a second image of the same name: {code}"),
    };
    let refused = again.code() == Some("InvalidAMIName.Duplicate");
    bench.holds("image-without-token", refused, found);
    let snapshots = finished(bench, &image).await?;
    let found = format!("{snapshots} snapshots of {volumes} attached volumes");
    let holds = snapshots == volumes && volumes > 1;
    bench.holds("image-of-every-volume", holds, found);
    reuse(bench, &instance, &image).await
}

/// CreateImage under the bench's name; returns the image's id.
async fn create(bench: &Bench, instance: &str) -> Result<Answer<String>, Trouble> {
    let call = bench.aws.clients.ec2.create_image();
    let call = call
        .instance_id(instance)
        .name(&bench.name)
        .no_reboot(true)
        .tag_specifications(bench.tags(ResourceType::Image))
        .tag_specifications(bench.tags(ResourceType::Snapshot));
    let operation = "ec2:CreateImage";
    match answer(operation, call.send().await)? {
        Answer::Given(made) => {
            let id = made.image_id().map(str::to_owned);
            present(id, operation).map(Answer::Given)
        }
        Answer::Refused(code) => Ok(Answer::Refused(code)),
    }
}

/// The number of an instance's volumes.
async fn attached(bench: &Bench, instance: &str) -> Result<usize, Trouble> {
    let call = bench.aws.clients.ec2.describe_instances();
    let sent = call.instance_ids(instance).send().await;
    let answer = given("ec2:DescribeInstances", sent)?;
    let instances = answer.reservations().iter().flat_map(|r| r.instances());
    Ok(instances.map(|i| i.block_device_mappings().len()).sum())
}

/// Waits until an image is available; returns the number of its snapshots.
async fn finished(bench: &Bench, image: &str) -> Result<usize, Trouble> {
    let look = async || {
        let call = bench.aws.clients.ec2.describe_images();
        let found = answer("ec2:DescribeImages", call.image_ids(image).send().await)?;
        let Answer::Given(found) = found else {
            return Ok(None); // not shown yet
        };
        let image = found.images().first();
        let image = image.filter(|i| i.state().is_some_and(|s| s.as_str() == "available"));
        Ok(image.map(|image| {
            let devices = image.block_device_mappings().iter();
            let has_snapshot = |d: &&aws_sdk_ec2::types::BlockDeviceMapping| {
                d.ebs().is_some_and(|e| e.snapshot_id().is_some())
            };
            devices.filter(has_snapshot).count()
        }))
    };
    bench.until(("the image", IMAGE), look).await
}

/// The name of an image that was deregistered a moment ago.
async fn reuse(bench: &Bench, instance: &str, image: &str) -> Result<(), Trouble> {
    let call = bench.aws.clients.ec2.deregister_image();
    let sent = call.image_id(image).send().await;
    given("ec2:DeregisterImage", sent)?;
    let again = create(bench, instance).await?;
    let (variant, found) = match &again {
        Answer::Given(_) => (Some("at-once"), "accepted at once".to_owned()),
        Answer::Refused(code) if code == "InvalidAMIName.Duplicate" => {
            (Some("minute"), format!("at once: {code}"))
        }
        Answer::Refused(code) => (None, code.clone()),
    };
    bench.variant("image-name-reuse", variant, found);
    Ok(())
}
