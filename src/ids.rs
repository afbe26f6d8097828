//! Names and ids as types, so that one cannot stand where another belongs. Pure.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// As AWS and people write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<&$name> for String {
            fn from(id: &$name) -> Self {
                id.0.clone()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        /// Gives the text, as for messages. A function that takes this kind of id still accepts no other.
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        /// A map by ids can be asked by text: both compare alike.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

ids! {
    /// An Auto Scaling group's name.
    GroupName;
    /// An EC2 instance, `i-...`.
    InstanceId;
    /// An AMI, `ami-...`.
    ImageId;
    /// An EBS snapshot, `snap-...`.
    SnapshotId;
    /// A launch template, `lt-...`.
    TemplateId;
    /// A judge of the instances that are registered with it: a target group of Elastic Load Balancing v2, by its ARN, or
    /// a Classic Load Balancer, by its name.
    Balancer;
    /// The key of a bake: groups with the same one share an image.
    BakeKey;
    /// A run of asg-patch, derived from what caused it.
    RunId;
}

/// The kinds of a [`Balancer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalancerKind {
    /// A target group of Elastic Load Balancing v2.
    TargetGroup,
    /// A Classic Load Balancer.
    Classic,
}

impl Balancer {
    /// Its kind: the name of a Classic Load Balancer has letters, digits and dashes only, and an ARN has colons.
    pub fn kind(&self) -> BalancerKind {
        if self.0.contains(':') {
            BalancerKind::TargetGroup
        } else {
            BalancerKind::Classic
        }
    }

    /// Its name: of a target group the part of the ARN before the last (`...:targetgroup/NAME/ID`).
    pub fn name(&self) -> &str {
        let mut parts = self.0.rsplit('/').skip(1);
        parts.next().unwrap_or(&self.0)
    }
}

/// For people.
impl fmt::Display for BalancerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TargetGroup => "target group",
            Self::Classic => "Classic Load Balancer",
        })
    }
}

/// Ids one after the other, for people.
pub fn names<T: AsRef<str>>(ids: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for id in ids {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(id.as_ref());
    }
    text
}
