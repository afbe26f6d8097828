//! Pins: how a group names its launch template versions.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::TemplateId;

/// Where in a group a launch template is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Slot {
    /// The group's own launch template specification.
    Template,
    /// The base specification of its mixed instances policy.
    Base,
    /// The specification of the policy's override at this index.
    Override(usize),
}

/// A launch template and the version by which a slot names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pin {
    /// Where.
    pub slot: Slot,
    /// Template id, `lt-...`.
    pub template: TemplateId,
    /// As the group spells it: a number, `$Latest` or `$Default`.
    pub version: String,
}

/// The three styles of naming a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By number.
    Number,
    /// `$Latest`: creating a version is its deployment.
    Latest,
    /// `$Default`: making a version the default is its deployment.
    Default,
}

impl Pin {
    /// How it names the version.
    pub fn style(&self) -> Style {
        match self.version.as_str() {
            "$Latest" => Style::Latest,
            "$Default" => Style::Default,
            _ => Style::Number,
        }
    }

    /// The same pin naming another version.
    pub fn at(&self, version: impl ToString) -> Self {
        Self {
            version: version.to_string(),
            ..self.clone()
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Slot::Template | Slot::Base => write!(f, "{}:{}", self.template, self.version),
            Slot::Override(i) => write!(f, "override {i} {}:{}", self.template, self.version),
        }
    }
}

/// A launch template as it was when the run was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMark {
    /// Its default version.
    pub default: u64,
    /// Its latest version.
    pub latest: u64,
}

/// The templates of a group by id.
pub type Templates = BTreeMap<TemplateId, TemplateMark>;

/// The number that a pin resolved to, or `None` for an unknown template or a malformed number.
pub fn resolve(pin: &Pin, templates: &Templates) -> Option<u64> {
    let mark = templates.get(&pin.template);
    match pin.style() {
        Style::Latest => mark.map(|m| m.latest),
        Style::Default => mark.map(|m| m.default),
        Style::Number => pin.version.parse().ok(),
    }
}

/// A group's version for people, e.g. `$Latest (3)`: what several distinct pins mean, one after the other. `new` names
/// another number than a pin means, where there is one. None if a pin means nothing.
pub fn version_text(
    pins: &[Pin],
    templates: &Templates,
    new: impl Fn(&TemplateId) -> Option<u64>,
) -> Option<String> {
    let mut texts: Vec<String> = Vec::new();
    for pin in pins {
        let number = new(&pin.template).or_else(|| resolve(pin, templates))?;
        let text = match pin.style() {
            Style::Number => number.to_string(),
            Style::Latest | Style::Default => format!("{} ({number})", pin.version),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}
