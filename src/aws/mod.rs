//! AWS as the pipeline sees it: reads and effects without choices, error codes to classes.
//!
//! The same code runs against AWS, the simulated account and third-party emulators.

mod buckets;
#[cfg(test)]
mod canned;
mod claims;
mod clients;
mod complete;
mod convert;
mod devices;
mod discover;
mod documents;
mod executions;
mod faults;
mod freeze;
mod handle;
mod identity;
mod listed;
mod marks;
mod observe;
mod offset;
mod operation;
mod pace;
mod paging;
mod parameter;
mod perform;
mod permissions;
mod publish;
mod records;
mod refreshes;
mod retention;
mod runbooks;
mod secrets;
mod share;
mod signing;
mod stored_file;
mod windows;

pub use claims::{Claim, Claims, Held, KEPT_CLAIM, claim_run, forget_claims, list_claims};
pub use clients::{CallCount, Clients};
pub use discover::{Instances, describe_account, find_groups, template_facts};
pub use documents::{DocumentState, create_document, own_documents};
pub use executions::{Execution, find_execution, is_execution};
pub use faults::with_causes;
use faults::{fault, missing};
pub use freeze::{
    CalendarState, Declared, DeclaredFreeze, calendar_state, declare_freeze, declared_freeze,
    lift_freeze,
};
pub use handle::Aws;
pub use listed::Listed;
pub use marks::{Marked, claim_mark, forget_mark, forget_marks, list_marks, read_mark};
pub use observe::{Question, observe, observe_rest};
pub use pace::{Turn, Urgency};
pub use perform::{await_turn, fold, is_turn_for, perform, retire};
pub use permissions::check_permissions;
pub use publish::{Post, publish};
use records::get_records;
pub use records::list_records;
pub use retention::{find_past, find_sharing};
use runbooks::check_runbook;
pub use runbooks::check_runbooks;
pub use secrets::read_secret;
pub use share::{ApiShare, ApiShareError};
pub use stored_file::{StoredFile, StoredFileError, store_file, stored_file};
pub use windows::{AwsWindows, read_windows};
