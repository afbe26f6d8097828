//! The contents of an image, from a fleet file.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::file::{ImageFile, Patches, Platform};
use crate::sim::world::guest::Guest;

/// Releases that made-up patches belong to: what is installed is older than what is missing.
const OTHER_RELEASE: usize = 1;
const OLD_RELEASE: usize = 2;
const NEW_RELEASE: usize = 3;

/// Patch names that look like those of the platform.
fn patch_names(patches: &Patches, platform: Platform, release: usize) -> Vec<String> {
    const PACKAGES: [&str; 8] = [
        "openssl",
        "kernel",
        "glibc",
        "curl",
        "python3",
        "systemd",
        "vim-minimal",
        "expat",
    ];
    let name = |n: usize| match platform {
        Platform::Windows => format!("KB50{:05}", release * 10_000 + n * 37),
        Platform::Linux => {
            let (package, round) = (PACKAGES[n % PACKAGES.len()], n / PACKAGES.len());
            format!(
                "{package}.x86_64:0:{release}.{}-{}.amzn2023",
                round + 1,
                10 + n
            )
        }
    };
    match patches {
        Patches::Count(count) => (0..*count).map(name).collect(),
        Patches::Names(names) => names.clone(),
    }
}

/// The contents of an image: what is missing, in as many shares as it takes Installs.
pub(super) fn guest_of(file: &ImageFile, made_at: DateTime<Utc>) -> Guest {
    let missing = patch_names(&file.missing, file.platform, NEW_RELEASE);
    let passes = usize::try_from(file.passes).unwrap_or(1).max(1);
    let share = missing.len().div_ceil(passes).max(1);
    let mut shares = missing.chunks(share).map(<[String]>::to_vec);
    let other = patch_names(&file.installed_other, file.platform, OTHER_RELEASE);
    let installed = patch_names(&file.installed, file.platform, OLD_RELEASE);
    Guest {
        family: file.platform.family(file.distribution),
        missing: shares.next().unwrap_or_default(),
        later: shares.collect(),
        installed: Arc::new(
            installed
                .into_iter()
                .chain(other.iter().cloned())
                .map(|patch| (patch.into(), made_at.timestamp()))
                .collect(),
        ),
        other: other.into_iter().collect(),
        volume_gib: file.gib,
        ..Guest::default()
    }
}
