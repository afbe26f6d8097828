//! AWS, as the pipeline meets it: reads without choices, effects without choices, codes to classes.
//!
//! The same code runs against AWS, the simulated account and third-party fakes.

mod claims;
mod clients;
mod complete;
mod convert;
mod discover;
mod faults;
mod observe;
mod pace;
mod paging;
mod perform;
mod permissions;
mod publish;
mod records;

pub use claims::{Claim, KEPT_CLAIM, claim_run, forget_claims, list_claims};
pub use clients::Clients;
pub use convert::{group_facts, group_seen};
pub use discover::{describe_account, find_groups, images, template_facts};
pub use faults::{fault, missing, with_causes};
pub use observe::{Question, observe};
pub use perform::perform;
pub use permissions::check_permissions;
pub use publish::{Post, publish};
pub use records::{get_records, list_records};
