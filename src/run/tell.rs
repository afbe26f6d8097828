//! A notice to one channel, with its mark: in this order, a channel without a list gets it once at most.

use crate::aws::{Aws, Mark, claim_mark, forget_mark, read_mark};
use crate::channels::{Channel, ChannelFault, Outside, Receipt, send};
use crate::group::fault::Fault;
use crate::notices::{Notice, TargetIds, Told, mark_name};

/// Under this word the message about the window is kept, on a channel that edits it.
const MESSAGE: &str = "message";

/// A notice that was not sent, or of which that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// The channel did not take it.
    #[error(transparent)]
    Channel(#[from] ChannelFault),
    /// Its mark could not be made or read: nothing was sent.
    #[error("the mark of a notice on channel '{channel}': {} ({})", .fault.message, .fault.code)]
    Mark {
        /// The channel.
        channel: String,
        /// The call that failed.
        fault: Fault,
    },
}

/// Sends a notice to a channel: its mark first, then the notice; what was surely refused loses its mark again.
///
/// # Errors
/// The channel did not take it, it is not known whether it did, or a mark could not be made.
pub async fn tell(
    aws: &Aws,
    outside: &Outside,
    channel: &Channel,
    ids: &TargetIds,
    notice: &Notice,
) -> Result<Receipt, TellError> {
    let clients = &aws.clients;
    let marked = |fault| TellError::Mark {
        channel: channel.name().to_owned(),
        fault,
    };
    let mark = mark_name(notice, channel.name(), &notice.occasion());
    let message = mark_name(notice, channel.name(), MESSAGE);
    let mut told = Told::default();
    if channel.kind().is_once() {
        told.message = match read_mark(clients, &message).await.map_err(marked)? {
            Some(text) => serde_json::from_str(&text).ok(),
            None => None,
        };
        let text = serde_json::json!({"at": aws.clock.now(), "event": notice.event, "by": fastrand::u64(..)}).to_string();
        told.is_marked = claim_mark(clients, &mark, &text).await.map_err(marked)? == Mark::Before;
    }
    let before = told.message.clone();
    let sent = send(outside, channel, ids, notice, &mut told).await;
    if let Some(posted) = told.message.filter(|m| before.as_ref() != Some(m)) {
        let text = serde_json::to_string(&posted).unwrap_or_default();
        let kept = async {
            forget_mark(clients, &message).await?;
            claim_mark(clients, &message, &text).await
        };
        // It is posted; only that it can be edited is lost.
        if let Err(fault) = kept.await {
            tracing::warn!(
                channel = channel.name(),
                code = fault.code,
                "the message of a window was not kept: {}",
                fault.message
            );
        }
    }
    if channel.kind().is_once() && sent.as_ref().is_err_and(ChannelFault::is_refused) {
        forget_mark(clients, &mark).await.map_err(marked)?;
    }
    Ok(sent?)
}
