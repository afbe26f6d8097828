//! Messages about a run: built here, sent elsewhere. Pure.

mod chat;
mod message;
mod news;
mod sns;

pub use chat::chat;
pub use message::{Message, MessageKind, message};
pub use news::{Beginning, begins, group_failed, refused};
pub use sns::to_sns_json;
