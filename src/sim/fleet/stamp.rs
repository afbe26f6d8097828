//! Groups with a `count`: numbered copies, each with its own copies of template and images.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{ImageFile, TemplateFile};
use super::file_group::GroupFile;
use super::{Fleet, Placed};

/// Where the copy's number goes in a group's name.
pub(super) const NUMBER: &str = "{n}";

/// Replaces each group with a count by its copies.
pub(super) fn out(fleet: &mut Fleet) {
    let mut stamp = Stamp {
        templates: by_name(&fleet.templates, |t| &t.name),
        images: by_name(&fleet.images, |i| &i.name),
        made: BTreeSet::new(),
    };
    for group in std::mem::take(&mut fleet.groups) {
        let Some(count) = group.value.count else {
            fleet.groups.push(group);
            continue;
        };
        let width = count.to_string().len();
        for n in 1..=count {
            let number = format!("{n:0width$}");
            let mut copy = group.clone();
            copy.value.count = None;
            copy.value.name = group.value.name.replace(NUMBER, &number);
            for name in template_names(&mut copy.value) {
                stamp.template(name, &number, fleet);
            }
            fleet.groups.push(copy);
        }
    }
}

fn by_name<T: Clone>(
    tables: &[Placed<T>],
    name: impl Fn(&T) -> &String,
) -> BTreeMap<String, Placed<T>> {
    tables
        .iter()
        .map(|t| (name(&t.value).clone(), t.clone()))
        .collect()
}

/// Every place where a group names a template.
fn template_names(group: &mut GroupFile) -> Vec<&mut String> {
    let mut names: Vec<&mut String> = group.template.iter_mut().collect();
    if let Some(mixed) = &mut group.mixed {
        names.push(&mut mixed.template);
        names.extend(
            mixed
                .overrides
                .iter_mut()
                .filter_map(|o| o.template.as_mut()),
        );
    }
    names
}

/// The originals, and the names of the copies made so far.
struct Stamp {
    templates: BTreeMap<String, Placed<TemplateFile>>,
    images: BTreeMap<String, Placed<ImageFile>>,
    made: BTreeSet<String>,
}

impl Stamp {
    /// Makes `name` the name of the copy with this number. A name that is not in the file stays, and
    /// the check will find it.
    fn template(&mut self, name: &mut String, number: &str, fleet: &mut Fleet) {
        let Some(original) = self.templates.get(name.as_str()) else {
            return;
        };
        let mut copy = original.clone();
        *name = format!("{name}-{number}");
        if !self.made.insert(format!("template {name}")) {
            return;
        }
        copy.value.name.clone_from(name);
        copy.value.id = None;
        for version in &mut copy.value.versions {
            if let Some(image) = &mut version.image {
                self.image(image, number, fleet);
            }
        }
        fleet.templates.push(copy);
    }

    fn image(&mut self, name: &mut String, number: &str, fleet: &mut Fleet) {
        let Some(original) = self.images.get(name.as_str()) else {
            return;
        };
        let mut copy = original.clone();
        *name = format!("{name}-{number}");
        if self.made.insert(format!("image {name}")) {
            copy.value.name.clone_from(name);
            copy.value.id = None;
            fleet.images.push(copy);
        }
    }
}
