//! Messages about a run: built here, sent elsewhere. Pure.

mod chat;
mod failures;
mod message;
mod news;
mod pruned;
mod sns;
mod stored_at;

pub use chat::chat;
pub use failures::groups_failed;
pub use message::{Message, MessageKind, message, stored_message};
pub use news::{Beginning, awaits_approval, begins, not_begun, refused};
pub use pruned::pruned;
pub use sns::to_sns_json;
pub use stored_at::StoredAt;
