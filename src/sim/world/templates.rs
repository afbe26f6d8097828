//! Launch templates and their versions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::World;
use super::groups::TemplateSpec;
use crate::sim::beliefs::Flip;
use crate::sim::wire::ApiError;

/// A launch template.
#[derive(Clone, Debug)]
pub struct Template {
    /// `lt-...`
    pub id: String,
    /// Unique in the account.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The default version's number.
    pub default: u64,
    /// The highest number given so far.
    pub latest: u64,
    /// Versions by number.
    pub versions: BTreeMap<u64, TemplateVersion>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Template {
    /// A template with one version, its default.
    pub fn new(id: &str, name: &str, data: TemplateData) -> Self {
        let version = TemplateVersion {
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            visible_at: DateTime::<Utc>::UNIX_EPOCH,
            description: None,
            data,
        };
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            default: 1,
            latest: 1,
            versions: BTreeMap::from([(1, version)]),
            tags: BTreeMap::new(),
        }
    }

    /// The number that a version's name means: a number, `$Latest`, `$Default` or nothing (the
    /// default). `None` if there is no such version.
    pub fn resolve(&self, version: Option<&str>) -> Option<u64> {
        let number = match version {
            None | Some("$Default" | "") => self.default,
            Some("$Latest") => *self.versions.last_key_value()?.0,
            Some(text) => text.parse().ok()?,
        };
        self.versions.contains_key(&number).then_some(number)
    }
}

/// A version of a launch template.
#[derive(Clone, Debug)]
pub struct TemplateVersion {
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Reads do not know it before this.
    pub visible_at: DateTime<Utc>,
    /// VersionDescription.
    pub description: Option<String>,
    /// Its launch template data.
    pub data: TemplateData,
}

/// Launch template data: the fields under the names that requests use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateData(pub Map<String, Value>);

impl TemplateData {
    /// Data with an image and an instance type.
    pub fn of_image(image: &str, instance_type: &str) -> Self {
        let mut map = Map::new();
        map.insert("ImageId".into(), json!(image));
        map.insert("InstanceType".into(), json!(instance_type));
        Self(map)
    }

    /// The image, if it names one.
    pub fn image(&self) -> Option<&str> {
        self.0.get("ImageId")?.as_str()
    }

    /// The instance type, if it names one.
    pub fn instance_type(&self) -> Option<&str> {
        self.0.get("InstanceType")?.as_str()
    }

    /// Its block device mappings, under the names that requests use.
    pub fn mappings(&self) -> &[Value] {
        let mappings = self.0.get("BlockDeviceMapping").and_then(Value::as_array);
        mappings.map_or(&[], Vec::as_slice)
    }

    /// The tags that it gives to instances.
    pub fn instance_tags(&self) -> BTreeMap<String, String> {
        let text = |v: &Value, k: &str| v.get(k).and_then(Value::as_str).map(str::to_owned);
        let specs = self.0.get("TagSpecification").and_then(Value::as_array);
        specs
            .into_iter()
            .flatten()
            .filter(|s| s.get("ResourceType").and_then(Value::as_str) == Some("instance"))
            .filter_map(|s| s.get("Tag").and_then(Value::as_array))
            .flatten()
            .filter_map(|t| Some((text(t, "Key")?, text(t, "Value").unwrap_or_default())))
            .collect()
    }

    /// This data overwritten, field by field, by what is `given`: what a version with a source
    /// version holds. Snapshots in block device mappings are not inherited (unless it `keeps` them).
    fn overwritten_by(&self, given: &Self, keeps: bool) -> Self {
        let mut merged = self.0.clone();
        if let Some(Value::Array(mappings)) = merged.get_mut("BlockDeviceMapping")
            && !keeps
        {
            for ebs in mappings.iter_mut().filter_map(|m| m.get_mut("Ebs")) {
                if let Some(ebs) = ebs.as_object_mut() {
                    ebs.shift_remove("SnapshotId");
                }
            }
        }
        for (key, value) in &given.0 {
            merged.insert(key.clone(), value.clone());
        }
        Self(merged)
    }
}

/// The version meant by `$Default`, `$Latest` or a number in a group's specification.
pub fn resolve<'w>(world: &'w World, spec: &TemplateSpec) -> Option<(&'w Template, u64)> {
    let template = world.templates.get(&spec.id)?;
    let version = match spec.version.as_deref() {
        None if world.beliefs.denies(Flip::NoVersionMeansDefault) => Some("$Latest"),
        Some("$Latest") if world.beliefs.denies(Flip::LatestDeploysAtCreation) => None,
        version => version,
    };
    Some((template, template.resolve(version)?))
}

/// Finds a template by id or name, exactly one of which must be given.
pub fn find<'w>(
    world: &'w World,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'w Template, ApiError> {
    match (id, name) {
        (Some(id), None) => world.templates.get(id).ok_or_else(|| {
            let text =
                format!("The specified launch template, with template ID {id}, does not exist.");
            ApiError::new("InvalidLaunchTemplateId.NotFound", text)
        }),
        (None, Some(name)) => world
            .template_names
            .get(name)
            .and_then(|id| world.templates.get(id))
            .ok_or_else(|| {
                let text = format!(
                    "The specified launch template, with template name {name}, does not exist."
                );
                ApiError::new("InvalidLaunchTemplateName.NotFoundException", text)
            }),
        (Some(_), Some(_)) | (None, None) => Err(ApiError::new(
            "MissingParameter",
            "Valid requests must contain either launchTemplateId or LaunchTemplateName",
        )),
    }
}

/// Creates a version, on top of a source version if one is named, and returns its number.
pub fn create_version(
    world: &mut World,
    id: &str,
    source: Option<&str>,
    description: Option<String>,
    given: &TemplateData,
) -> Result<u64, ApiError> {
    let visible_at = world.visible_from();
    let now = world.now;
    find(world, Some(id), None)?;
    let keeps = world.beliefs.denies(Flip::SourceVersionSnapshots);
    let Some(template) = world.templates.get_mut(id) else {
        return Err(ApiError::new("InvalidLaunchTemplateId.NotFound", id));
    };
    let data = match source {
        None => given.clone(),
        Some(source) => {
            let number = template
                .resolve(Some(source))
                .ok_or_else(|| no_version(&template.id, source))?;
            template.versions[&number].data.overwritten_by(given, keeps)
        }
    };
    template.latest += 1;
    let version = TemplateVersion {
        created_at: now,
        visible_at,
        description,
        data,
    };
    template.versions.insert(template.latest, version);
    Ok(template.latest)
}

/// Makes a version the default.
pub fn set_default(world: &mut World, id: &str, version: u64) -> Result<(), ApiError> {
    find(world, Some(id), None)?;
    match world.templates.get_mut(id) {
        Some(template) if template.versions.contains_key(&version) => {
            template.default = version;
            Ok(())
        }
        _ => Err(no_version(id, &version.to_string())),
    }
}

/// The answer to a version that is not there.
pub fn no_version(id: &str, version: &str) -> ApiError {
    let text = format!(
        "Could not find the specified version {version} for the launch template with ID {id}."
    );
    ApiError::new("InvalidLaunchTemplateId.VersionNotFound", text)
}

/// Deletes a version that is not the default. The error's code is the per-version code.
pub fn delete_version(world: &mut World, id: &str, number: u64) -> Result<(), ApiError> {
    find(world, Some(id), None)?;
    let any = world.beliefs.denies(Flip::DefaultIsNotDeleted);
    let Some(template) = world.templates.get_mut(id) else {
        return Ok(());
    };
    if template.default == number && !any {
        return Err(ApiError::new(
            "unexpectedError",
            "Cannot delete the default version of a launch template.",
        ));
    }
    match template.versions.remove(&number) {
        Some(_) => Ok(()),
        None => Err(ApiError::new(
            "launchTemplateVersionDoesNotExist",
            format!("Launch template version {number} does not exist."),
        )),
    }
}

/// Removes a template with all its versions.
pub fn remove(world: &mut World, id: &str) {
    if let Some(template) = world.templates.remove(id) {
        world.template_names.remove(&template.name);
    }
}
