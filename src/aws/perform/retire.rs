//! The changing calls of a prune.

use super::done;
use super::ec2::delete_version;
use crate::aws::pace::Urgency;
use crate::aws::{Clients, fault};
use crate::group::effect::{Done, Performed};
use crate::group::fault::FaultClass;
use crate::ids::{ImageId, SnapshotId};
use crate::retention::Step;

const DEPRECATE: &str = "ec2:EnableImageDeprecation";
const DELETE_VERSIONS: &str = "ec2:DeleteLaunchTemplateVersions";
const DEREGISTER: &str = "ec2:DeregisterImage";
const DELETE_SNAPSHOT: &str = "ec2:DeleteSnapshot";

/// Takes one step of a prune, when it is its turn. What is gone already is gone.
///
/// # Errors
/// The call failed; after some faults it may have taken effect all the same.
pub async fn retire(clients: &Clients, step: &Step) -> Performed {
    let operation = match step {
        Step::Deprecate(..) => DEPRECATE,
        Step::DeleteVersion(..) => DELETE_VERSIONS,
        Step::Deregister(_) => DEREGISTER,
        Step::DeleteSnapshot(_) => DELETE_SNAPSHOT,
    };
    clients.turn_of(operation, Urgency::Start).await;
    match step {
        Step::Deprecate(image, at) => {
            let at = aws_smithy_types::DateTime::from_secs(at.timestamp());
            let call = clients.ec2.enable_image_deprecation();
            let call = call.image_id(image.as_str()).deprecate_at(at);
            done(DEPRECATE, call.send().await)
        }
        Step::DeleteVersion(template, number) => delete_version(clients, template, *number).await,
        Step::Deregister(image) => deregister(clients, image).await,
        Step::DeleteSnapshot(snapshot) => delete_snapshot(clients, snapshot).await,
    }
}

/// Without its snapshots: AWS would delete those, too, that do not carry our tag.
async fn deregister(clients: &Clients, image: &ImageId) -> Performed {
    let call = clients.ec2.deregister_image().image_id(image.as_str());
    match call.send().await.map_err(|e| fault(DEREGISTER, &e)) {
        Ok(_) => Ok(Done::Ok),
        Err(f) if f.code == "InvalidAMIID.NotFound" || f.code == "InvalidAMIID.Unavailable" => {
            Ok(Done::Ok)
        }
        Err(fault) => Err(fault),
    }
}

async fn delete_snapshot(clients: &Clients, snapshot: &SnapshotId) -> Performed {
    let call = clients.ec2.delete_snapshot();
    let answer = call.snapshot_id(snapshot.as_str()).send().await;
    match answer.map_err(|e| fault(DELETE_SNAPSHOT, &e)) {
        Ok(_) => Ok(Done::Ok),
        Err(fault) if fault.class == FaultClass::Gone => Ok(Done::Ok),
        Err(fault) => Err(fault),
    }
}
