//! Messages about a run: built here, sent elsewhere. Pure.

mod message;
mod sns;

pub use message::{Message, message};
pub use sns::to_sns_json;
