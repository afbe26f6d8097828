//! The decisions about one group. Pure: no SDK, no clock, no async, no logging, no environment.
//!
//! Reading order: [`record`], [`launch`] and [`job`] (memory), [`seen`] (a look), [`effect`] and [`ledger`] (changes, and
//! those tried), [`decision`] (the vocabulary), [`learn`], [`decide`] and [`transition`] (one step), `phases` (one file per
//! phase), [`bake`] and [`admit`] (groups among each other), [`preflight`], [`budget`] and
//! [`timeline`] (the plan).

pub mod admit;
pub mod allowed;
pub mod allowed_runbooks;
pub mod automation;
pub mod bake;
pub mod budget;
pub mod console;
pub mod decide;
pub mod decision;
pub mod devices;
pub mod doubt;
pub mod effect;
pub mod facts;
pub mod fault;
pub mod job;
pub mod launch;
pub mod learn;
pub mod learn_performed;
pub mod ledger;
pub mod limits;
pub mod lineage;
pub mod made;
mod managed;
pub mod measured;
pub mod members;
pub mod named_documents;
pub mod names;
pub mod options;
mod outcome;
pub mod own_documents;
mod ownership;
pub mod patch;
pub mod phase;
mod phases;
pub mod pin;
pub mod preflight;
pub mod processes;
pub mod proof;
pub mod record;
mod recover;
mod reverted;
pub mod runbook_content;
pub mod seen;
pub mod sharing;
pub mod targets;
pub mod timeline;
pub mod transition;
mod unsuitable;

pub use job::Job;
pub use outcome::{Code, Failure, Implication, Outcome};
pub use phase::Phase;
pub use record::Record;
