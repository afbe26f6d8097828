//! Volumes: from the image and the launch template to the instance, and from the instance to its image.

use aws_sdk_ec2::types as ec2;

use super::{Sim, sleeper};

fn volume(device: &str, snapshot: Option<&str>) -> ec2::LaunchTemplateBlockDeviceMappingRequest {
    let ebs = ec2::LaunchTemplateEbsBlockDeviceRequest::builder()
        .set_snapshot_id(snapshot.map(str::to_owned))
        .volume_size(20)
        .build();
    ec2::LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name(device)
        .ebs(ebs)
        .build()
}

/// Makes version 2 of the template, with these mappings.
async fn map(sim: &Sim, mappings: Vec<ec2::LaunchTemplateBlockDeviceMappingRequest>) {
    let data = ec2::RequestLaunchTemplateData::builder()
        .set_block_device_mappings(Some(mappings))
        .build();
    let call = sim
        .ec2
        .create_launch_template_version()
        .launch_template_id("lt-1")
        .source_version("1")
        .launch_template_data(data);
    call.send().await.unwrap();
    sim.wait(5).await;
}

async fn devices_of(sim: &Sim, instance: &str) -> Vec<String> {
    let answer = sim.ec2.describe_instances().instance_ids(instance);
    let answer = answer.send().await.unwrap();
    let shown = answer.reservations()[0].instances()[0].block_device_mappings();
    let names = shown.iter().map(|m| m.device_name().unwrap().to_owned());
    names.collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_holds_every_device_of_its_instance_but_those_without_device() {
    let sim = Sim::new(vec![sleeper("web", "$Latest")]);
    let store = ec2::LaunchTemplateBlockDeviceMappingRequest::builder()
        .device_name("/dev/sdb")
        .virtual_name("ephemeral0")
        .build();
    map(
        &sim,
        vec![store, volume("/dev/sdf", None), volume("/dev/sdg", None)],
    )
    .await;
    let id = sim.wake("web").await;
    // Instance store volumes are not shown.
    assert_eq!(
        devices_of(&sim, &id).await,
        ["/dev/xvda", "/dev/sdf", "/dev/sdg"]
    );
    let suppressed = ec2::BlockDeviceMapping::builder()
        .device_name("/dev/sdf")
        .no_device("")
        .build();
    let call = sim.ec2.create_image().instance_id(&id).name("web-1");
    let made = call.block_device_mappings(suppressed).send().await.unwrap();
    sim.wait(600).await;
    let image = sim.image(made.image_id().unwrap()).await;
    let shown: Vec<_> = image
        .block_device_mappings()
        .iter()
        .map(|m| {
            (
                m.device_name().unwrap(),
                m.virtual_name(),
                m.ebs().is_some(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/dev/xvda", None, true),
            ("/dev/sdb", Some("ephemeral0"), false),
            ("/dev/sdg", None, true)
        ]
    );
}

/// A template made "from an instance" names the snapshot of its root volume: whatever image it names, its instances
/// start from that snapshot.
#[tokio::test(start_paused = true)]
async fn a_snapshot_of_the_root_volume_hides_the_image() {
    let sim = Sim::new(vec![sleeper("web", "$Latest")]);
    let id = sim.wake("web").await;
    let old = sim.create_image(&id, "old").await;
    sim.wait(600).await;
    let old = sim.image(&old).await;
    let root = old.block_device_mappings()[0].ebs().unwrap();
    let pinned = root.snapshot_id().unwrap().to_owned();
    sim.account.with_world(|world| {
        let image = world.images.get_mut("ami-1").unwrap();
        image.guest.missing.clear();
    });
    map(&sim, vec![volume("/dev/xvda", Some(&pinned))]).await;
    sim.set_capacity("web", 0, 2, 2).await;
    sim.wait(60).await;
    let missing = sim.account.with_world(|world| {
        let new = world.instances.values().find(|i| i.id != id).unwrap();
        new.guest.missing.clone()
    });
    assert_eq!(missing, ["kernel"]);
}
