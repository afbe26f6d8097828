//! The command documents that are ours: scripts with fixed content and without parameters. Who may send only these
//! and the patch documents can run nothing else on an instance.
//!
//! A document's content never changes under its name: another content is a document with another number.

use std::collections::BTreeSet;

use super::job::Job;
use super::options::Seal;
use crate::request::Operation;

/// The version of each that is sent: the one that it was created with. A later one is not ours.
pub const VERSION: &str = "1";

/// A document of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnDocument {
    /// Waits until first boot is over and package locks are free, on Linux.
    ReadyLinux,
    /// The same on Windows.
    ReadyWindows,
    /// Removes what must not be copied into an image, on Linux.
    SealLinux,
    /// The same on Windows: no sysprep, which is the owner's decision.
    SealWindows,
    /// The same, and resets the launch agent.
    ResetWindows,
}

impl OwnDocument {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ReadyLinux,
        Self::ReadyWindows,
        Self::SealLinux,
        Self::SealWindows,
        Self::ResetWindows,
    ];

    /// The one that waits for the guest.
    pub fn ready(windows: bool) -> Self {
        if windows {
            Self::ReadyWindows
        } else {
            Self::ReadyLinux
        }
    }

    /// The one that seals the guest; none if its owner does.
    pub fn seal(windows: bool, seal: Seal) -> Option<Self> {
        match (windows, seal) {
            (_, Seal::Off) => None,
            (false, Seal::On | Seal::Reset) => Some(Self::SealLinux),
            (true, Seal::On) => Some(Self::SealWindows),
            (true, Seal::Reset) => Some(Self::ResetWindows),
        }
    }

    /// Those that a job may send.
    pub fn of_job(job: &Job) -> BTreeSet<Self> {
        let Some(forward) = &job.forward else {
            return BTreeSet::new();
        };
        let seal = Self::seal(forward.windows, forward.options.seal);
        let seal = seal.filter(|_| forward.operation == Operation::Install);
        seal.into_iter()
            .chain([Self::ready(forward.windows)])
            .collect()
    }

    /// The document of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadyLinux => "AsgPatch-ReadyLinux-1",
            Self::ReadyWindows => "AsgPatch-ReadyWindows-1",
            Self::SealLinux => "AsgPatch-SealLinux-1",
            Self::SealWindows => "AsgPatch-SealWindows-1",
            Self::ResetWindows => "AsgPatch-ResetWindows-1",
        }
    }

    /// Its content, as JSON.
    pub fn content(self) -> &'static str {
        macro_rules! content {
            ($name:literal) => {
                include_str!(concat!("../../runbooks/documents/", $name, ".json"))
            };
        }
        match self {
            Self::ReadyLinux => content!("AsgPatch-ReadyLinux-1"),
            Self::ReadyWindows => content!("AsgPatch-ReadyWindows-1"),
            Self::SealLinux => content!("AsgPatch-SealLinux-1"),
            Self::SealWindows => content!("AsgPatch-SealWindows-1"),
            Self::ResetWindows => content!("AsgPatch-ResetWindows-1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use serde_json::{Value, json};

    use super::*;
    use crate::group::limits;

    const READY_LINUX: &str = include_str!("../../runbooks/guest/ready-linux.sh");
    const READY_WINDOWS: &str = include_str!("../../runbooks/guest/ready-windows.ps1");
    const SEAL_LINUX: &str = include_str!("../../runbooks/guest/seal-linux.sh");
    const SEAL_WINDOWS: &str = include_str!("../../runbooks/guest/seal-windows.ps1");

    fn built(own: OwnDocument) -> Value {
        let (what, limit, first, script) = match own {
            OwnDocument::ReadyLinux | OwnDocument::ReadyWindows => {
                let script = match own {
                    OwnDocument::ReadyLinux => READY_LINUX,
                    _ => READY_WINDOWS,
                };
                let what =
                    "waits until the first boot of an instance is over and package locks are free";
                (what, limits::READY_LIMIT, None, script)
            }
            OwnDocument::SealLinux => {
                let what = "removes from an instance what must not be copied into an image";
                (what, limits::SEAL_LIMIT, None, SEAL_LINUX)
            }
            OwnDocument::SealWindows => {
                let what =
                    "removes from an instance what must not be copied into an image; no sysprep";
                (what, limits::SEAL_LIMIT, None, SEAL_WINDOWS)
            }
            OwnDocument::ResetWindows => {
                let what = "the same as AsgPatch-SealWindows, and first-boot tasks run again on instances of the image";
                (
                    what,
                    limits::SEAL_LIMIT,
                    Some("$Reset = $true"),
                    SEAL_WINDOWS,
                )
            }
        };
        let (platform, action) = if own.name().contains("Windows") {
            ("Windows", "aws:runPowerShellScript")
        } else {
            ("Linux", "aws:runShellScript")
        };
        let lines: Vec<&str> = first.into_iter().chain(script.lines()).collect();
        json!({
            "schemaVersion": "2.2",
            "description": format!("asg-patch: {what}. Sent by its runs; nothing may boot the guest between sealing and imaging."),
            "mainSteps": [{
                "name": own.name().trim_start_matches("AsgPatch-").trim_end_matches("-1"),
                "action": action,
                "precondition": {"StringEquals": ["platformType", platform]},
                "inputs": {
                    "timeoutSeconds": limit.num_seconds().to_string(),
                    "runCommand": lines,
                },
            }],
        })
    }

    #[test]
    fn documents_hold_the_scripts() {
        for own in OwnDocument::ALL {
            // Once a version was released, another content gets another number.
            let text = format!("{:#}\n", built(own));
            let file = format!("../../runbooks/documents/{}.json", own.name());
            expect_file![file].assert_eq(&text);
            assert_eq!(own.content(), text, "{}", own.name());
            assert!(text.len() < 64 * 1024, "SSM's limit");
            assert_eq!(OwnDocument::named(own.name()), Some(own));
        }
    }
}
