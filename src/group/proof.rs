//! The proof that the owner asks of the canary, by the tags `prove` and `prove-document`.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::facts::GroupFacts;
use super::limits;

/// The proof that a canary must give before its version is promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Its status checks pass, its agent answers, its first boot is over and its Scan is clean.
    #[default]
    Instance,
    /// Besides, this SSM document of the owner's (name or ARN) succeeds on it.
    Document(String),
    /// Besides, it is registered with every target group and Classic Load Balancer of the group, and each calls it
    /// healthy.
    LoadBalancer,
}

impl Proof {
    /// How long it is expected to take beyond the instance's own checks.
    pub(super) fn expected(&self) -> TimeDelta {
        match self {
            Self::Instance => TimeDelta::zero(),
            Self::Document(_) => limits::EXPECTED_PROOF,
            // It leaves when its connections have ended.
            Self::LoadBalancer => limits::EXPECTED_HEALTHY + limits::DRAIN_LIMIT,
        }
    }

    /// How long it may take beyond them.
    pub(super) fn limit(&self) -> TimeDelta {
        match self {
            Self::Instance => TimeDelta::zero(),
            Self::Document(_) => limits::PROOF_LIMIT,
            Self::LoadBalancer => limits::HEALTH_LIMIT,
        }
    }
}

impl Proof {
    /// Why a group cannot be asked for it. Target groups of addresses need no check: Auto Scaling takes none ("You
    /// can't specify a target type of ip when using an Auto Scaling group").
    pub fn impossible(&self, group: &GroupFacts) -> Option<String> {
        match (self, &group.other_load_balancer) {
            (Self::Instance | Self::Document(_), _) => None,
            (Self::LoadBalancer, Some(other)) => Some(format!(
                "expected only target groups and Classic Load Balancers of Elastic Load Balancing, found {other}, \
                 which cannot be asked about the canary"
            )),
            (Self::LoadBalancer, None) if group.balancers.is_empty() => Some(
                "expected a group with target groups or Classic Load Balancers, found none".into(),
            ),
            (Self::LoadBalancer, None) => None,
        }
    }
}

/// The tags of a group that say which proof is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct ProofTags {
    kind: Kind,
    document: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Instance,
    Document,
    LoadBalancer,
}

impl ProofTags {
    /// Reads the tag `prove`; the error says what was expected.
    pub(super) fn set_kind(&mut self, value: &str) -> Result<(), String> {
        self.kind = match value.to_ascii_lowercase().as_str() {
            "instance" => Kind::Instance,
            "document" => Kind::Document,
            "load-balancer" => Kind::LoadBalancer,
            _ => return Err("'instance', 'document' or 'load-balancer'".into()),
        };
        Ok(())
    }

    /// Reads the tag `prove-document`; the error says what was expected.
    pub(super) fn set_document(&mut self, value: &str) -> Result<(), String> {
        // As the API reference of SendCommand has it for DocumentName.
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        if !(3..=128).contains(&value.len()) || !value.chars().all(is_allowed) {
            return Err(
                "the name or ARN of an SSM document: 3 to 128 letters, digits and -_.:/".into(),
            );
        }
        self.document = Some(value.to_owned());
        Ok(())
    }

    /// The proof that is asked for, and a note where a tag has no effect. The error is a combination that the
    /// group is refused for.
    pub(super) fn proof(
        self,
        prefix: &str,
        canary: bool,
    ) -> Result<(Proof, Option<String>), String> {
        let Self { kind, document } = self;
        if kind != Kind::Instance && !canary {
            return Err(format!(
                "tags {prefix}:prove and {prefix}:canary: a proof is asked for, and the instance that would \
                 give it is turned off"
            ));
        }
        match (kind, document) {
            (Kind::Document, Some(name)) => Ok((Proof::Document(name), None)),
            (Kind::Document, None) => Err(format!(
                "tag {prefix}:prove is 'document': expected the document's name in the tag \
                 {prefix}:prove-document, found no such tag"
            )),
            (Kind::Instance, document) => Ok((Proof::Instance, idle(prefix, document))),
            (Kind::LoadBalancer, document) => Ok((Proof::LoadBalancer, idle(prefix, document))),
        }
    }
}

fn idle(prefix: &str, document: Option<String>) -> Option<String> {
    document.map(|_| {
        format!("tag {prefix}:prove-document has no effect without {prefix}:prove=document")
    })
}

/// The proof beyond the instance itself, to be put after "a new instance proved the new version".
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance => Ok(()),
            Self::LoadBalancer => f.write_str(" (all its load balancers called it healthy)"),
            Self::Document(name) => write!(f, " ({name} succeeded on it)"),
        }
    }
}
