//! Changing calls of EC2: tags, images, launch template versions.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    BlockDeviceMapping, DeleteSnapshotReturnCode, RequestLaunchTemplateData, ResourceType,
    SnapshotReturnCodes, Tag, TagSpecification, ValidationError, ValidationWarning,
};

use chrono::SecondsFormat;

use super::done;
use crate::aws::clients::no_retry;
use crate::aws::devices::device_request;
use crate::aws::{Clients, fault, missing};
use crate::group::devices::DeviceMapping;
use crate::group::doubt::Doubt;
use crate::group::effect::{Done, Performed};
use crate::group::fault::{Fault, FaultClass, WARNING};
use crate::group::lineage::Lineage;
use crate::group::names::{
    ANCESTOR_TAG, BAKE_TAG, FAILED_TAG, GENERATION_TAG, GROUP_TAG, KEEP_TAG, RUN_TAG, SOURCE_TAG,
};
use crate::group::record::Record;
use crate::ids::{ImageId, InstanceId, TemplateId};

const CREATE_IMAGE: &str = "ec2:CreateImage";
const CREATE_VERSION: &str = "ec2:CreateLaunchTemplateVersion";
const DEREGISTER_IMAGE: &str = "ec2:DeregisterImage";
const DELETE_VERSIONS: &str = "ec2:DeleteLaunchTemplateVersions";

/// An image to be made from an instance.
pub(super) struct NewImage<'a> {
    pub instance: &'a InstanceId,
    pub name: &'a str,
    /// Let AWS reboot the guest first.
    pub reboot: bool,
    /// The image that the instance was launched from.
    pub source_image: &'a ImageId,
    /// The descent of the new image.
    pub lineage: &'a Lineage,
    /// Devices that it is not to hold.
    pub without: &'a [String],
}

/// A launch template version to be made from another one.
pub(super) struct NewVersion<'a> {
    pub template: &'a TemplateId,
    /// The version that it inherits from.
    pub source: u64,
    pub image: &'a ImageId,
    pub description: &'a str,
    /// Idempotency token.
    pub token: &'a str,
    /// Block device mappings that it states; it inherits them if there are none.
    pub devices: &'a [DeviceMapping],
}

pub(super) async fn tag_instances<'a>(
    clients: &Clients,
    instances: impl Iterator<Item = &'a InstanceId>,
    tags: [(&str, &str); 2],
) -> Performed {
    create_tags(clients, instances.map(Into::into).collect(), &tags).await
}

pub(super) async fn tag_image(
    clients: &Clients,
    image: &ImageId,
    tags: [(&str, &str); 1],
) -> Performed {
    create_tags(clients, vec![image.into()], &tags).await
}

/// Marks an image and its snapshots so that nobody takes them for good ones, and so that they go in time.
pub(super) async fn keep_image(
    clients: &Clients,
    image: &ImageId,
    snapshots: &BTreeSet<String>,
    doubt: &Doubt,
) -> Performed {
    let until = doubt.until.to_rfc3339_opts(SecondsFormat::Secs, true);
    let resources = std::iter::once(image.into()).chain(snapshots.iter().cloned());
    let tags = [
        ("Name", doubt.name()),
        (FAILED_TAG, doubt.code.to_string()),
        (KEEP_TAG, until),
    ];
    let tags = tags.each_ref().map(|(key, value)| (*key, value.as_str()));
    create_tags(clients, resources.collect(), &tags).await
}

async fn create_tags(
    clients: &Clients,
    resources: Vec<String>,
    tags: &[(&str, &str)],
) -> Performed {
    let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
    let call = clients
        .ec2
        .create_tags()
        .set_resources(Some(resources))
        .set_tags(Some(tags));
    done("ec2:CreateTags", call.send().await)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

pub(super) async fn create_image(
    clients: &Clients,
    record: &Record,
    image: NewImage<'_>,
) -> Performed {
    let [image_tags, snapshot_tags] =
        image_tags(record, image.name, image.source_image, image.lineage);
    let suppressed = |device: &String| {
        BlockDeviceMapping::builder()
            .device_name(device)
            .no_device("")
            .build()
    };
    let suppressed: Vec<_> = image.without.iter().map(suppressed).collect();
    let answer = clients
        .ec2
        .create_image()
        .instance_id(image.instance.as_str())
        .name(image.name)
        .description(format!("Patched by asg-patch {}", record.run_id))
        .no_reboot(!image.reboot)
        .set_block_device_mappings((!suppressed.is_empty()).then_some(suppressed))
        .tag_specifications(image_tags)
        .tag_specifications(snapshot_tags)
        .customize()
        .config_override(aws_sdk_ec2::Config::builder().retry_config(no_retry()))
        .send()
        .await
        .map_err(|e| fault(CREATE_IMAGE, &e))?;
    let id = answer.image_id();
    id.map(|id| Done::Image(id.into()))
        .ok_or_else(|| missing(CREATE_IMAGE, "ImageId"))
}

/// The tags that an image and its snapshots carry from the beginning.
pub(in crate::aws) fn image_tags(
    record: &Record,
    name: &str,
    source_image: &ImageId,
    lineage: &Lineage,
) -> [TagSpecification; 2] {
    let ancestor = lineage.first_ancestor.as_ref().unwrap_or(source_image);
    [ResourceType::Image, ResourceType::Snapshot].map(|kind| {
        TagSpecification::builder()
            .resource_type(kind)
            .tags(tag("Name", name))
            .tags(tag(RUN_TAG, &record.run_id))
            .tags(tag(BAKE_TAG, &record.bake_key))
            .tags(tag(GROUP_TAG, &record.group))
            .tags(tag(SOURCE_TAG, source_image))
            .tags(tag(GENERATION_TAG, &lineage.generation.to_string()))
            .tags(tag(ANCESTOR_TAG, ancestor))
            .build()
    })
}

pub(super) async fn create_version(clients: &Clients, version: NewVersion<'_>) -> Performed {
    let devices: Vec<_> = version.devices.iter().map(device_request).collect();
    let data = RequestLaunchTemplateData::builder()
        .image_id(version.image.as_str())
        .set_block_device_mappings((!devices.is_empty()).then_some(devices));
    let answer = clients
        .ec2
        .create_launch_template_version()
        .launch_template_id(version.template.as_str())
        .source_version(version.source.to_string())
        .version_description(version.description)
        .client_token(version.token)
        .launch_template_data(data.build())
        .send()
        .await
        .map_err(|e| fault(CREATE_VERSION, &e))?;
    let version = answer.launch_template_version();
    let number = version.and_then(|v| v.version_number());
    match (answer.warning().map(warned), number) {
        // The version is made. Whether it can be launched the canary shows, by which time the image is known.
        (Some(fault), None) => Err(fault),
        (Some(fault), Some(_)) if fault.class != FaultClass::NotYet => Err(fault),
        (_, Some(number)) => Ok(Done::Version(number.unsigned_abs())),
        (None, None) => Err(missing(CREATE_VERSION, "VersionNumber")),
    }
}

/// EC2 makes versions that cannot be launched, with a warning only.
fn warned(warning: &ValidationWarning) -> Fault {
    let text = |error: &ValidationError| {
        let code = error.code().unwrap_or_default();
        format!("{code}: {}", error.message().unwrap_or_default())
    };
    let errors: Vec<String> = warning.errors().iter().map(text).collect();
    // The image was available when the version was asked for: it is not known everywhere yet.
    let is_new = |e: &ValidationError| e.code().is_some_and(|c| c.starts_with("InvalidAMIID"));
    let all_new = !errors.is_empty() && warning.errors().iter().all(is_new);
    Fault {
        operation: CREATE_VERSION.into(),
        code: WARNING.into(),
        message: errors.join("; "),
        class: if all_new {
            FaultClass::NotYet
        } else {
            FaultClass::Refused
        },
    }
}

pub(super) async fn set_default(
    clients: &Clients,
    template: &TemplateId,
    version: u64,
) -> Performed {
    let call = clients
        .ec2
        .modify_launch_template()
        .launch_template_id(template.as_str())
        .default_version(version.to_string());
    done("ec2:ModifyLaunchTemplate", call.send().await)
}

pub(super) async fn delete_version(
    clients: &Clients,
    template: &TemplateId,
    version: u64,
) -> Performed {
    let answer = clients
        .ec2
        .delete_launch_template_versions()
        .launch_template_id(template.as_str())
        .versions(version.to_string())
        .send()
        .await;
    let answer = match answer.map_err(|e| fault(DELETE_VERSIONS, &e)) {
        Ok(answer) => answer,
        // With its template.
        Err(fault) if fault.class == FaultClass::Gone => return Ok(Done::Ok),
        Err(fault) => return Err(fault),
    };
    let refused = answer
        .unsuccessfully_deleted_launch_template_versions()
        .first()
        .and_then(|v| v.response_error());
    let Some(error) = refused else {
        return Ok(Done::Ok);
    };
    match error.code().map(|c| c.as_str()).unwrap_or_default() {
        "launchTemplateVersionDoesNotExist" | "launchTemplateIdDoesNotExist" => Ok(Done::Ok),
        code => Err(Fault {
            operation: DELETE_VERSIONS.into(),
            code: code.to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
            class: FaultClass::Refused,
        }),
    }
}

pub(super) async fn deregister(clients: &Clients, image: &ImageId) -> Performed {
    let answer = clients
        .ec2
        .deregister_image()
        .image_id(image.as_str())
        .delete_associated_snapshots(true)
        .send()
        .await;
    match answer.map_err(|e| fault(DEREGISTER_IMAGE, &e)) {
        Ok(answer) => Ok(deleted(answer.delete_snapshot_results())),
        // Gone already, by a repetition of ours or by another actor.
        Err(f) if f.code == "InvalidAMIID.NotFound" || f.code == "InvalidAMIID.Unavailable" => {
            Ok(Done::Ok)
        }
        Err(fault) => Err(fault),
    }
}

/// An image goes without those of its snapshots that could not be deleted: the call succeeds all the same.
fn deleted(snapshots: &[DeleteSnapshotReturnCode]) -> Done {
    let kept = snapshots.iter().filter_map(|s| {
        let why = match s.return_code()? {
            SnapshotReturnCodes::Success => return None,
            SnapshotReturnCodes::WarnSkipped => "in use by another image",
            other => other.as_str(),
        };
        let id = s.snapshot_id().unwrap_or("one without an id");
        Some(format!("{id} ({why})"))
    });
    let kept: Vec<String> = kept.collect();
    if kept.is_empty() {
        Done::Ok
    } else {
        Done::SnapshotsKept(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;

    async fn deregistered(reply: Reply) -> Performed {
        let canned = Canned::new(move |_| reply.clone());
        let clients = canned::clients(&canned, Clock::system());
        let done = deregister(&clients, &"ami-1".into()).await;
        assert!(canned.bodies()[0].contains("DeleteAssociatedSnapshots=true"));
        done
    }

    fn answer(results: &[(&str, &str)]) -> Reply {
        let results: String = results
            .iter()
            .map(|(id, code)| {
                format!("<item><snapshotId>{id}</snapshotId><returnCode>{code}</returnCode></item>")
            })
            .collect();
        Reply::ok(format!(
            "<DeregisterImageResponse><return>true</return><deleteSnapshotResultSet>{results}\
             </deleteSnapshotResultSet></DeregisterImageResponse>"
        ))
    }

    #[tokio::test]
    async fn snapshots_that_stay_behind_are_told() {
        let success = ("snap-1", "success");
        assert_eq!(deregistered(answer(&[])).await, Ok(Done::Ok));
        assert_eq!(deregistered(answer(&[success])).await, Ok(Done::Ok));
        let some = [
            success,
            ("snap-2", "skipped"),
            ("snap-3", "missing-permissions"),
            ("snap-4", "a-code-of-next-year"),
        ];
        let kept = [
            "snap-2 (in use by another image)",
            "snap-3 (missing-permissions)",
            "snap-4 (a-code-of-next-year)",
        ];
        let kept = kept.map(str::to_owned).into();
        assert_eq!(
            deregistered(answer(&some)).await,
            Ok(Done::SnapshotsKept(kept))
        );
        let gone = deregistered(Reply::ec2_error("InvalidAMIID.NotFound")).await;
        assert_eq!(gone, Ok(Done::Ok));
        let refused = deregistered(Reply::ec2_error("OperationNotPermitted")).await;
        assert_eq!(refused.unwrap_err().class, FaultClass::Refused);
    }
    /// A version that is made with a warning about its image alone is the run's; any other warning refuses it.
    #[tokio::test]
    async fn a_version_whose_image_is_not_known_yet_is_made() {
        let answered = async |codes: &[&str], number: &str| {
            let errors: String = codes
                .iter()
                .map(|code| format!("<item><code>{code}</code><message>m</message></item>"))
                .collect();
            let reply = Reply::ok(format!(
                "<CreateLaunchTemplateVersionResponse><launchTemplateVersion>{number}</launchTemplateVersion>\
                 <warning><errorSet>{errors}</errorSet></warning></CreateLaunchTemplateVersionResponse>"
            ));
            let canned = Canned::new(move |_| reply.clone());
            let version = NewVersion {
                template: &"lt-1".into(),
                source: 3,
                image: &"ami-1".into(),
                description: "d",
                token: "t",
                devices: &[],
            };
            create_version(&canned::clients(&canned, Clock::system()), version).await
        };
        let four = "<versionNumber>4</versionNumber>";
        let unknown = "InvalidAMIID.NotFound";
        assert_eq!(answered(&[unknown], four).await, Ok(Done::Version(4)));
        for (codes, number, class) in [
            (&[unknown][..], "", FaultClass::NotYet),
            (
                &[unknown, "InvalidKeyPair.NotFound"],
                four,
                FaultClass::Refused,
            ),
            (&[], four, FaultClass::Refused),
        ] {
            let fault = answered(codes, number).await.unwrap_err();
            assert_eq!(fault.class, class, "{codes:?}");
            assert!(fault.may_have_taken_effect(), "{codes:?}");
        }
    }
}
