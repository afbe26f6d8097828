//! Names of everything that a run makes: deterministic, so that a repetition finds what is there.

use super::effect::CommandStep;
use super::pin::Pin;
use crate::ids::{BakeKey, GroupName, ImageId, RunId, TemplateId};
use crate::text::{hash_hex, legal_name};

/// Tag on every instance, image and snapshot of a run; the value is the run id.
pub const RUN_TAG: &str = "asg-patch:run";
/// Tag on instances: `build` or `canary`.
pub const ROLE_TAG: &str = "asg-patch:role";
/// Tag on images: the bake key.
pub const BAKE_TAG: &str = "asg-patch:bake";
/// Tag on images that were proved: what the phases took that made them, as the next run's measure.
pub const SECONDS_TAG: &str = "asg-patch:seconds";
/// Tag on images and snapshots: the image that the build instance was launched from.
pub const SOURCE_TAG: &str = "asg-patch:source-image";
/// Tag on images and snapshots: how many runs the image descends from, itself included.
pub const GENERATION_TAG: &str = "asg-patch:generation";
/// Tag on images and snapshots: the image that the owner's template named before the first run.
pub const ANCESTOR_TAG: &str = "asg-patch:first-ancestor";
/// Tag on images and snapshots: the group on whose instance they were made.
pub const GROUP_TAG: &str = "asg-patch:group";
/// Tag on images and snapshots of a run that failed: until when they are kept to be looked at, by RFC 3339.
pub const KEEP_TAG: &str = "asg-patch:keep-until";
/// Tag on the same: the code of the failure.
pub const FAILED_TAG: &str = "asg-patch:failed";
/// Where records live in Parameter Store.
pub const RECORD_PREFIX: &str = "/asg-patch/records/";
/// Where runs are claimed in Parameter Store.
pub const CLAIM_PREFIX: &str = "/asg-patch/runs/";
/// Where tokens and addresses of channels live in Parameter Store, as SecureString. Nothing else is ever decrypted.
pub const SECRET_PREFIX: &str = "/asg-patch/secrets/";
/// The parameter with the file of settings that the stack works by.
pub const CONFIG_PARAMETER: &str = "/asg-patch/config";
/// The parameter of a freeze that a person has declared.
pub const FREEZE_PARAMETER: &str = "/asg-patch/freeze";
/// Where images that runs publish live in Parameter Store.
pub const IMAGE_PREFIX: &str = "/asg-patch/images/";
/// Where notices that were sent are marked in Parameter Store.
pub const MARK_PREFIX: &str = "/asg-patch/notices/";
/// Where decisions about openings of windows live in Parameter Store.
pub const APPROVAL_PREFIX: &str = "/asg-patch/approvals/";
/// Where runs that wait for a decision say so in Parameter Store.
pub const WAITING_PREFIX: &str = "/asg-patch/waiting/";

/// A parameter name may have 1,011 characters (SSM: 2,048 less 1,037 for the ARN).
const ENCODED_NAME_LIMIT: usize = 900;

/// The parameter that holds a group's record.
///
/// Reversible (see [`group_of_parameter`]): letters, digits, `-` and `.` stand for themselves, other
/// bytes become `_` and two hexadecimal digits. A name too long for a parameter becomes `__` and a
/// hash; then only the record itself tells the group.
pub fn record_parameter(group: &GroupName) -> String {
    format!("{RECORD_PREFIX}{}", encoded(group))
}

/// The parameter that publishes a group's image. Its name is made as that of [`record_parameter`].
pub fn image_parameter(group: &GroupName) -> String {
    format!("{IMAGE_PREFIX}{}", encoded(group))
}

fn encoded(group: &GroupName) -> String {
    let mut encoded = String::new();
    for byte in group.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => encoded.push(byte as char),
            other => encoded.push_str(&format!("_{other:02x}")),
        }
    }
    if encoded.len() > ENCODED_NAME_LIMIT {
        encoded = format!("__{}", hash_hex(&[group.as_str()], 32));
    }
    encoded
}

/// The group of a record's parameter; `None` if the name holds only a hash or is none of ours.
pub fn group_of_parameter(parameter: &str) -> Option<GroupName> {
    let encoded = parameter.strip_prefix(RECORD_PREFIX)?;
    if encoded.starts_with("__") {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'_' {
            let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok())?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().map(GroupName::from)
}

/// The name in the name or the ARN of an SSM document; none if it is neither.
pub(super) fn document_name(document: &str) -> Option<&str> {
    let name = match document.split_once(":document/") {
        Some((arn, name)) if arn.starts_with("arn:") => name,
        Some(_) => return None,
        None => document,
    };
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let length = (3..=128).contains(&name.len());
    (length && name.chars().all(is_fine)).then_some(name)
}

/// The bake key: groups with the same one share one image and its versions.
///
/// `specs` are the distinct (template, resolved version) pairs, `options` what else shapes the image.
pub fn bake_key(specs: &[(TemplateId, u64)], options: &str) -> BakeKey {
    let mut parts: Vec<String> = specs.iter().map(|(t, v)| format!("{t}:{v}")).collect();
    parts.push(options.to_owned());
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    hash_hex(&parts, 6).into()
}

/// The image's name: legal characters only, at most 128 (EC2 CreateImage).
pub fn image_name(label: &str, run_id: &RunId, bake_key: &BakeKey) -> String {
    format!(
        "asg-patch/{}/{}-{bake_key}",
        image_label(label),
        name_part(run_id.as_str())
    )
}

/// The name of a template or group as it stands in the name of an image.
pub fn image_label(label: &str) -> String {
    name_part(label)
}

/// At most 48 legal characters of a text.
fn name_part(text: &str) -> String {
    legal_name(&text.chars().take(48).collect::<String>())
}

/// A launch template version's description (at most 255 characters): how our versions are found.
pub fn version_description(run_id: &RunId, bake_key: &BakeKey) -> String {
    format!("asg-patch {run_id} {bake_key}")
}

/// The idempotency token of a version: at most 64 ASCII characters.
pub fn version_token(run_id: &RunId, pin: &Pin, source: u64, image: &ImageId) -> String {
    hash_hex(
        &[
            run_id.as_str(),
            pin.template.as_str(),
            &source.to_string(),
            image.as_str(),
        ],
        20,
    )
}

/// A command's comment (at most 100 characters): how our commands are found.
pub fn command_comment(run_id: &RunId, step: CommandStep) -> String {
    format!("{}{step}", comment_prefix(run_id))
}

/// The step of a command of the run, by its comment.
pub fn command_step(run_id: &RunId, comment: &str) -> Option<CommandStep> {
    comment.strip_prefix(&comment_prefix(run_id))?.parse().ok()
}

fn comment_prefix(run_id: &RunId) -> String {
    let run: String = run_id.as_str().chars().take(64).collect();
    format!("asg-patch {run} ")
}

/// A GUID from the run id: `AWS-RunPatchBaseline` then gives all nodes of a run the same patch set.
pub fn patch_snapshot_id(run_id: &RunId) -> String {
    let h = hash_hex(&[run_id.as_str()], 16);
    format!(
        "{}-{}-4{}-a{}-{}",
        &h[0..8],
        &h[8..12],
        &h[13..16],
        &h[17..20],
        &h[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_parameters_are_reversible_and_legal() {
        for group in [
            "web-nightly",
            "a b/c_d",
            "ümlaut\r\n\t",
            "日本🦀",
            "_5f",
            "__x",
            ".",
        ] {
            let name = record_parameter(&group.into());
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/-._".contains(c)),
                "{name}"
            );
            assert_eq!(group_of_parameter(&name).as_deref(), Some(group));
        }
        let long = "日".repeat(255);
        let name = record_parameter(&long.into());
        assert!(name.len() < 1011);
        assert_eq!(group_of_parameter(&name), None);
        assert_ne!(name, record_parameter(&"本".repeat(255).into()));
    }

    #[test]
    fn names_keep_to_their_limits() {
        let long = "x".repeat(300);
        assert!(image_name(&long, &long.as_str().into(), &"0123456789ab".into()).len() <= 128);
        let (run, step) = (long.into(), CommandStep::CanaryProof);
        let comment = command_comment(&run, step);
        assert!(comment.len() <= 100);
        assert_eq!(command_step(&run, &comment), Some(step));
        assert_eq!(command_step(&"other".into(), &comment), None);
        assert_eq!(patch_snapshot_id(&"r".into()).len(), 36);
    }
}
