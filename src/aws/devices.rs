//! Block device mappings of launch templates, as read and as sent: every field that EC2 has.

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMapping, LaunchTemplateBlockDeviceMappingRequest,
    LaunchTemplateEbsBlockDevice, LaunchTemplateEbsBlockDeviceRequest, VolumeType,
};

use crate::group::devices::{DeviceMapping, VolumeMapping};

/// A mapping that EC2 shows.
pub(super) fn device_mapping(shown: &LaunchTemplateBlockDeviceMapping) -> DeviceMapping {
    DeviceMapping {
        device: shown.device_name().map(str::to_owned),
        virtual_name: shown.virtual_name().map(str::to_owned),
        no_device: shown.no_device().map(str::to_owned),
        ebs: shown.ebs().map(volume),
    }
}

fn volume(shown: &LaunchTemplateEbsBlockDevice) -> VolumeMapping {
    VolumeMapping {
        snapshot: shown.snapshot_id().map(str::to_owned),
        gib: shown.volume_size(),
        kind: shown.volume_type().map(|t| t.as_str().to_owned()),
        iops: shown.iops(),
        throughput: shown.throughput(),
        encrypted: shown.encrypted(),
        key: shown.kms_key_id().map(str::to_owned),
        delete_on_termination: shown.delete_on_termination(),
        initialization_rate: shown.volume_initialization_rate(),
    }
}

/// A mapping as a request states it.
pub(super) fn device_request(mapping: &DeviceMapping) -> LaunchTemplateBlockDeviceMappingRequest {
    let DeviceMapping {
        device,
        virtual_name,
        no_device,
        ebs,
    } = mapping;
    LaunchTemplateBlockDeviceMappingRequest::builder()
        .set_device_name(device.clone())
        .set_virtual_name(virtual_name.clone())
        .set_no_device(no_device.clone())
        .set_ebs(ebs.as_ref().map(volume_request))
        .build()
}

fn volume_request(volume: &VolumeMapping) -> LaunchTemplateEbsBlockDeviceRequest {
    let VolumeMapping {
        snapshot,
        gib,
        kind,
        iops,
        throughput,
        encrypted,
        key,
        delete_on_termination,
        initialization_rate,
    } = volume;
    LaunchTemplateEbsBlockDeviceRequest::builder()
        .set_snapshot_id(snapshot.clone())
        .set_volume_size(*gib)
        .set_volume_type(kind.as_deref().map(VolumeType::from))
        .set_iops(*iops)
        .set_throughput(*throughput)
        .set_encrypted(*encrypted)
        .set_kms_key_id(key.clone())
        .set_delete_on_termination(*delete_on_termination)
        .set_volume_initialization_rate(*initialization_rate)
        .build()
}
