//! Consoles of instances.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sim::wire::ApiError;
use crate::sim::world::guest::FirstBoot;
use crate::sim::world::instance::{self, Instance, InstanceState};
use crate::sim::world::{World, iso};

/// Instances before Nitro: EC2 shows what it took down at their last change of state, and refuses to show the present.
const BEFORE_NITRO: [&str; 14] = [
    "c1", "c3", "c4", "d2", "g2", "g3", "h1", "i2", "i3", "m3", "m4", "r3", "r4", "t2",
];

/// EC2 takes the console of such an instance down about this long after the change.
const TAKEN_DOWN_AFTER: TimeDelta = TimeDelta::minutes(4);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Output {
    instance_id: String,
    #[serde(default)]
    latest: bool,
}

pub(super) fn output(world: &mut World, request: Output) -> Result<Value, ApiError> {
    let id = &request.instance_id;
    let instance = world.visible_instance(id);
    let instance = instance.ok_or_else(|| instance::not_found(id))?;
    let (family, _) = instance.instance_type.split_once('.').unwrap_or_default();
    let is_nitro = !BEFORE_NITRO.contains(&family);
    if request.latest && !is_nitro {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "This instance type does not support retrieving the latest console logs.",
        ));
    }
    let is_known = is_nitro || world.now >= instance.state_since + TAKEN_DOWN_AFTER;
    let text = match is_known && instance.state != InstanceState::Pending {
        true => STANDARD.encode(lines(instance).join("\r\n")),
        false => String::new(),
    };
    Ok(json!({"instanceId": id, "timestamp": iso(world.now), "output": text}))
}

fn lines(instance: &Instance) -> Vec<String> {
    let first_boot = match instance.boot.first {
        FirstBoot::NotYet | FirstBoot::UnderWay(_) | FirstBoot::HeldUp => {
            "cloud-init[1620]: Cloud-init is running modules:final"
        }
        FirstBoot::Done => "cloud-init[1620]: Cloud-init finished. Datasource DataSourceEc2Local",
        FirstBoot::Failed => {
            "cloud-init[1620]: Failed running /var/lib/cloud/instance/scripts/part-001 [1]"
        }
        FirstBoot::CutOff => "systemd[1]: Stopping cloud-final.service",
    };
    let agent = match (&instance.agent, instance.checks_ok_at) {
        (None, _) => "[\u{1b}[0;1;31mFAILED\u{1b}[0m] Failed to start amazon-ssm-agent.service",
        (Some(_), None) => "Kernel panic - not syncing: VFS: Unable to mount root fs",
        (Some(_), Some(_)) => "[\u{1b}[0;32m  OK  \u{1b}[0m] Started amazon-ssm-agent.service",
    };
    vec![
        format!(
            "[    0.000000] Command line: BOOT_IMAGE=(hd0,gpt1)/boot/vmlinuz root=UUID={}",
            instance.image
        ),
        first_boot.to_owned(),
        agent.to_owned(),
    ]
}
