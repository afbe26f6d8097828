//! Pins: how a group names its launch template versions.

use std::cmp::Ordering;
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
///
/// A pin without a version means the default one (Auto Scaling, `LaunchTemplateSpecification`), and AWS may
/// show it either way once it was written: so it equals the same pin that names `$Default`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// Where.
    pub slot: Slot,
    /// Template id, `lt-...`.
    pub template: TemplateId,
    /// As the group spells it: a number, `$Latest`, `$Default`, or nothing, which means the default.
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
            "$Default" | "" => Style::Default,
            _ => Style::Number,
        }
    }

    /// The version for people: as the group spells it, or `no version`.
    pub fn spelling(&self) -> &str {
        match self.version.as_str() {
            "" => "no version",
            version => version,
        }
    }

    /// Everything that two pins are compared by.
    fn meaning(&self) -> (Slot, &TemplateId, &str) {
        let version = match self.style() {
            Style::Default => "$Default",
            Style::Latest | Style::Number => &self.version,
        };
        (self.slot, &self.template, version)
    }

    /// The same pin naming another version.
    pub fn at(&self, version: impl ToString) -> Self {
        Self {
            version: version.to_string(),
            ..self.clone()
        }
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        self.meaning() == other.meaning()
    }
}

impl Eq for Pin {}

impl PartialOrd for Pin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pin {
    fn cmp(&self, other: &Self) -> Ordering {
        self.meaning().cmp(&other.meaning())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Slot::Template | Slot::Base => write!(f, "{}:{}", self.template, self.spelling()),
            Slot::Override(i) => write!(f, "override {i} {}:{}", self.template, self.spelling()),
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
            Style::Latest | Style::Default => format!("{} ({number})", pin.spelling()),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(version: &str) -> Pin {
        Pin {
            slot: Slot::Template,
            template: "lt-1".into(),
            version: version.into(),
        }
    }

    #[test]
    fn a_pin_without_a_version_means_the_default_and_keeps_its_spelling() {
        let mark = TemplateMark {
            default: 2,
            latest: 5,
        };
        let templates = Templates::from([("lt-1".into(), mark)]);
        assert_eq!(pin("").style(), Style::Default);
        assert_eq!(resolve(&pin(""), &templates), Some(2));
        assert_eq!(pin("").to_string(), "lt-1:no version");
        let stored = serde_json::to_string(&pin("")).unwrap();
        let read: Pin = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.version, "");
    }

    #[test]
    fn pins_are_equal_if_they_mean_the_same_way_of_naming() {
        assert_eq!(pin(""), pin("$Default"));
        assert_eq!(pin("").cmp(&pin("$Default")), Ordering::Equal);
        for other in ["$Latest", "2"] {
            assert_ne!(pin(""), pin(other));
        }
        let elsewhere = Pin {
            slot: Slot::Base,
            ..pin("")
        };
        assert_ne!(pin(""), elsewhere);
    }
}
