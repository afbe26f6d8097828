//! Checks of launch templates, and of the launch sources that name them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::file::{TemplateFile, VersionName};
use super::super::file_group::{GroupFile, MixedFile};
use super::place::{Checked, Table, id, image_name};

pub(super) fn check_template(
    place: &Table,
    template: &TemplateFile,
    images: &BTreeSet<&str>,
) -> Checked {
    id(place, template.id.as_deref(), "lt-")?;
    let count = template.versions.len() as u64;
    place.must(count > 0, "versions", "at least one", "none")?;
    let default = template.default;
    let expected = format!("a version from 1 to {count}");
    place.must((1..=count).contains(&default), "default", expected, default)?;
    for (n, version) in template.versions.iter().enumerate() {
        if let Some(image) = &version.image {
            image_name(place, &format!("version {}, image", n + 1), image, images)?;
        }
    }
    Ok(())
}

pub(super) fn check_launch(
    place: &Table,
    group: &GroupFile,
    templates: &BTreeMap<&str, &TemplateFile>,
    images: &BTreeSet<&str>,
) -> Checked {
    let sources = usize::from(group.template.is_some())
        + usize::from(group.mixed.is_some())
        + usize::from(group.launch_configuration.is_some());
    place.must(
        sources == 1,
        "template",
        "one of template, mixed and launch_configuration",
        sources,
    )?;
    match &group.template {
        Some(template) => specification(place, template, group.version.as_ref(), templates)?,
        None => place.must(group.version.is_none(), "version", "a template", "none")?,
    }
    if let Some(mixed) = &group.mixed {
        check_mixed(place, mixed, templates, images)?;
    }
    if let Some(configuration) = &group.launch_configuration {
        let image = &configuration.image;
        image_name(place, "launch_configuration, image", image, images)?;
    }
    Ok(())
}

fn check_mixed(
    place: &Table,
    mixed: &MixedFile,
    templates: &BTreeMap<&str, &TemplateFile>,
    images: &BTreeSet<&str>,
) -> Checked {
    let MixedFile {
        template,
        version,
        overrides,
        on_demand_percentage,
    } = mixed;
    specification(place, template, version.as_ref(), templates)?;
    let percentage = *on_demand_percentage;
    let fits = (0..=100).contains(&percentage);
    place.must(fits, "mixed, on_demand_percentage", "0 to 100", percentage)?;
    for o in overrides {
        match &o.template {
            Some(template) => specification(place, template, o.version.as_ref(), templates)?,
            None => {
                let key = "mixed, overrides, version";
                place.must(o.version.is_none(), key, "a template beside it", "none")?;
            }
        }
        if let Some(image) = &o.image {
            image_name(place, "mixed, overrides, image", image, images)?;
        }
    }
    Ok(())
}

fn specification(
    place: &Table,
    name: &str,
    version: Option<&VersionName>,
    templates: &BTreeMap<&str, &TemplateFile>,
) -> Checked {
    let Some(template) = templates.get(name) else {
        let expected = "the name of a template of this file";
        return Err(place.wrong("template", expected, format!("'{name}'")));
    };
    let count = template.versions.len() as u64;
    let text = version.map(VersionName::text);
    let good = match text.as_deref() {
        None | Some("$Latest" | "$Default") => true,
        Some(number) => number.parse().is_ok_and(|n| (1..=count).contains(&n)),
    };
    let expected = format!("$Latest, $Default or a version of '{name}' from 1 to {count}");
    place.must(good, "version", expected, text.unwrap_or_default())
}
