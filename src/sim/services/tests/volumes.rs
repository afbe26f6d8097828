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

/// Makes an image without some of the devices of its instance.
async fn image_without(sim: &Sim, instance: &str, devices: &[&str]) -> Option<String> {
    let left_out = |device: &&str| {
        let mapping = ec2::BlockDeviceMapping::builder();
        mapping.device_name(*device).no_device("").build()
    };
    let call = sim.ec2.create_image().instance_id(instance);
    let call = call.name(format!("without {}", devices.len()));
    let call = call.no_reboot(true);
    let call = call.set_block_device_mappings(Some(devices.iter().map(left_out).collect()));
    let made = call.send().await.ok()?;
    sim.wait(5).await;
    made.image_id().map(str::to_owned)
}

async fn devices_of_instance(sim: &Sim, instance: &str) -> Vec<String> {
    let answer = sim.ec2.describe_instances().instance_ids(instance);
    let answer = answer.send().await.unwrap();
    let shown = answer.reservations()[0].instances()[0].block_device_mappings();
    let names = shown.iter().map(|m| m.device_name().unwrap().to_owned());
    names.collect()
}

/// Devices with the size of their volume or the name of their instance store volume.
async fn devices_of_image(sim: &Sim, image: &str) -> Vec<String> {
    let image = sim.image(image).await;
    let device = |m: &ec2::BlockDeviceMapping| {
        let name = m.device_name().unwrap();
        let volume = m.ebs().map(|ebs| {
            assert!(ebs.snapshot_id().is_some());
            format!("{name} {}", ebs.volume_size().unwrap())
        });
        volume.unwrap_or_else(|| format!("{name} {}", m.virtual_name().unwrap()))
    };
    let shown = image.block_device_mappings().iter();
    shown.map(device).collect()
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
    // Instance store volumes are not shown.
    assert_eq!(
        devices_of_instance(&sim, &id).await,
        ["/dev/xvda", "/dev/sdb"]
    );
    for (without, expected) in [
        (
            &[][..],
            &["/dev/xvda 20", "/dev/sdb 100", "/dev/sdc ephemeral0"][..],
        ),
        (&["/dev/sdb"], &["/dev/xvda 20", "/dev/sdc ephemeral0"]),
        (&["/dev/sdc", "/dev/sdb"], &["/dev/xvda 20"]),
    ] {
        let image = image_without(&sim, &id, without).await.unwrap();
        assert_eq!(devices_of_image(&sim, &image).await, expected);
    }
    let none = ["/dev/sdb", "/dev/sdc", "/dev/xvda"];
    assert_eq!(image_without(&sim, &id, &none).await, None);
}

/// Instances of an image have its devices, with what their template says of them on top.
#[tokio::test(start_paused = true)]
async fn the_devices_of_an_image_come_with_it() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    map_devices(
        &sim,
        json!([
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 100}},
            {"DeviceName": "/dev/sdc", "Ebs": {"VolumeSize": 50}},
        ]),
    );
    let id = sim.wake("web").await;
    let image = image_without(&sim, &id, &[]).await.unwrap();
    sim.wait(6000).await;
    sim.account.with_world(|w| {
        let mut data = TemplateData::of_image(&image, "t3.small");
        let mappings = json!([
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeType": "gp3"}},
            {"DeviceName": "/dev/sdc", "NoDevice": ""},
        ]);
        data.0.insert("BlockDeviceMapping".into(), mappings);
        w.put_template(Template::new("lt-1", "web", data));
    });
    sim.set_capacity("web", 0, 2, 2).await;
    sim.wait(60).await;
    sim.account.with_world(|w| {
        let new = w.instances.values().find(|i| i.image == image).unwrap();
        let names: Vec<_> = new.devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["/dev/xvda", "/dev/sdb"]);
        let volume = new.devices[1].volume().unwrap();
        let snapshots: Vec<_> = w.images[&image].snapshots().collect();
        assert_eq!(volume.gib, 100);
        assert_eq!(volume.snapshot.as_deref(), Some(snapshots[1]));
    });
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
