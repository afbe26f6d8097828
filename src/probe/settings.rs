//! The settings of a probe, and the names and the tag by which its things are known.

/// The key of the tag on everything that a probe makes; its value is the probe's id.
pub const TAG: &str = "asg-patch:probe";

/// The names of everything that a probe makes begin so.
pub const PREFIX: &str = "asg-patch-probe-";

/// The paths of its parameters begin so: names in Parameter Store may not contain everything that others may.
pub const PARAMETERS: &str = "/asg-patch-probe/";

/// The settings of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The probe's id: lower-case letters and digits.
    pub id: String,
    /// The image of its instances, `ami-...`.
    pub image: String,
    /// The type of its instances.
    pub instance_type: String,
    /// Subnets of its groups, `subnet-...`; at least one.
    pub subnets: Vec<String>,
    /// The instance profile, by name.
    pub instance_profile: Option<String>,
    /// Only these beliefs, by id; empty: all.
    pub only: Vec<String>,
}

impl Settings {
    /// The name of an experiment's template and group.
    pub(super) fn name(&self, experiment: &str) -> String {
        format!("{PREFIX}{}-{experiment}", self.id)
    }

    /// Whether a belief is asked for.
    pub(super) fn wants(&self, belief: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|id| id == belief)
    }
}
