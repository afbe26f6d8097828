//! AWS as the pipeline sees it: reads and effects without choices, error codes to classes.
//!
//! The same code runs against AWS, the simulated account and third-party emulators.

mod approvals;
mod automations;
mod buckets;
mod callbacks;
#[cfg(test)]
mod canned;
mod claims;
mod clients;
mod complete;
mod convert;
mod devices;
mod discover;
mod documents;
mod events;
mod executions;
mod faults;
mod freeze;
mod handle;
mod identity;
mod known_pages;
mod listed;
mod marks;
mod named;
mod observe;
mod offset;
mod operation;
mod pace;
mod paging;
mod parameter;
mod perform;
mod permissions;
mod publish;
mod published;
mod records;
mod refreshes;
mod retention;
mod runbooks;
mod secrets;
mod share;
mod signing;
mod stored_file;
mod windows;

pub use approvals::decisions;
pub use automations::{Automation, find_automation, start_automation};
pub use callbacks::wake_task;
pub use claims::{Claim, Claims, Held, KEPT_CLAIM, claim_run, forget_claims, list_claims};
pub use clients::{CallCount, Clients};
pub use discover::{
    Instances, Refreshes, RunningImages, describe_account, find_groups, running_images,
    template_facts,
};
pub use documents::{DocumentState, create_document, own_documents};
pub use events::{Event, has_event_bus, put_event};
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
pub use named::{document_facts, has_topic, parameter_type};
pub use observe::{Question, observe, observe_rest};
pub use pace::{Turn, Urgency};
pub use perform::{await_turn, fold, is_turn_for, perform, retire};
pub use permissions::check_permissions;
pub use publish::{Post, publish};
pub use published::{publish_image, published_images};
use records::get_records;
pub use records::list_records;
pub use retention::{find_past, find_sharing};
use runbooks::check_runbook;
pub use runbooks::check_runbooks;
pub use secrets::read_secret;
pub use share::{ApiShare, ApiShareError};
pub use stored_file::{StoredFile, StoredFileError, store_file, stored_file};
pub use windows::{AwsWindows, read_windows};
