//! Retention: which images, snapshots and launch template versions of past runs go, and why the others stay. Pure.
//!
//! Read [`policy`] (what the owner wants kept), [`found`] (what the account holds, and who uses it), [`form`] (what runs
//! make), [`reason`] (why something stays), [`uses`] (who names what), [`decide`] (what goes, in which step).

mod decide;
mod form;
mod found;
mod policy;
mod reason;
#[cfg(test)]
mod tests;
mod uses;

pub use decide::{ImageItem, Plan, SnapshotItem, Step, Verdict, decide, unasked};
pub use found::{
    ConfigurationFound, Found, ImageFound, ImageState, Sharing, SnapshotFound, TemplateFound,
    UsesFound, VersionFound, VolumeFound,
};
pub use policy::{KEPT_VERSIONS, Policy};
pub use reason::Reason;
pub use uses::ALIAS;
