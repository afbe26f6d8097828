//! Volumes: the image's devices with the template's on top, and the devices of a new image.

use aws_sdk_ec2::types as ec2;
use serde_json::json;

use super::{Sim, sleeper};
use crate::sim::world::templates::{Template, TemplateData};

/// Replaces the only version of the template by one with these mappings.
fn map_devices(sim: &Sim, mappings: serde_json::Value) {
    sim.account.with_world(|w| {
        let mut data = TemplateData::of_image("ami-1", "t3.small");
        data.0.insert("BlockDeviceMapping".into(), mappings);
        w.put_template(Template::new("lt-1", "web", data));
    });
}

fn left_out(device: &str) -> ec2::BlockDeviceMapping {
    let mapping = ec2::BlockDeviceMapping::builder();
    mapping.device_name(device).no_device("").build()
}

#[tokio::test(start_paused = true)]
async fn every_attached_volume_is_imaged_unless_it_is_left_out() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    map_devices(
        &sim,
        json!([
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}},
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": "100"}},
            {"DeviceName": "/dev/sdc", "VirtualName": "ephemeral0"},
        ]),
    );
    let id = sim.wake("web").await;
    let seen = sim.ec2.describe_instances().instance_ids(&id).send().await;
    let seen = seen.unwrap();
    let devices = seen.reservations()[0].instances()[0].block_device_mappings();
    let names: Vec<_> = devices.iter().map(|d| d.device_name().unwrap()).collect();
    assert_eq!(names, ["/dev/xvda", "/dev/sdb"]);

    let whole = sim.create_image(&id, "whole").await;
    let call = sim.ec2.create_image().instance_id(&id).name("root");
    let call = call
        .no_reboot(true)
        .block_device_mappings(left_out("/dev/sdb"));
    let root = call.send().await.unwrap().image_id().unwrap().to_owned();
    sim.wait(5).await;
    for (image, expected) in [
        (&whole, vec![("/dev/xvda", 20), ("/dev/sdb", 100)]),
        (&root, vec![("/dev/xvda", 20)]),
    ] {
        let image = sim.image(image).await;
        let devices = image.block_device_mappings().iter();
        let found: Vec<_> = devices
            .map(|d| {
                let size = d.ebs().unwrap().volume_size().unwrap();
                (d.device_name().unwrap(), size)
            })
            .collect();
        assert_eq!(found, expected);
    }
    let call = sim.ec2.create_image().instance_id(&id).name("none");
    let call = call.block_device_mappings(left_out("/dev/xvda"));
    assert!(call.send().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_root_device_takes_no_other_snapshot_than_the_images() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let root = json!([{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1"}}]);
    map_devices(&sim, root);
    sim.set_capacity("web", 0, 1, 1).await;
    sim.wait(30).await;
    let failed = &sim.activities("web").await[0];
    let said = failed.status_message().unwrap();
    assert!(
        said.contains("snapshotId cannot be modified on root device"),
        "{said}"
    );
}
