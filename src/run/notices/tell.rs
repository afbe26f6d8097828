//! A notice to one channel, with its mark: in this order, a channel without a list gets it once at most.

use super::ready::ReadyChannel;
use crate::aws::{Aws, Clients, Marked, claim_mark, forget_mark, read_mark};
use crate::channels::{ChannelFault, Done, Outside, Receipt};
use crate::group::fault::Fault;
use crate::notices::{Mark, Notice, SlackMessage, TargetIds, Told, mark_name};

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

/// Sends a notice to a channel. Where its service has no list, the mark is made first, and goes again if the notice was surely
/// refused; where it has one, the mark is made once the notice was taken: a process that dies between is repeated, and finds
/// what it made.
///
/// # Errors
/// The channel did not take it, it is not known whether it did, or a mark could not be made.
pub async fn tell(
    aws: &Aws,
    outside: &Outside,
    channel: &ReadyChannel,
    ids: &TargetIds,
    notice: &Notice,
) -> Result<Receipt, TellError> {
    let clients = &aws.clients;
    let marked = |fault| TellError::Mark {
        channel: channel.name().to_owned(),
        fault,
    };
    let is_once = channel.kind().is_once();
    let mark = mark_name(notice, channel.name(), &notice.occasion());
    let message = mark_name(notice, channel.name(), MESSAGE);
    let text = Mark::of(
        notice,
        Some(channel.name()),
        aws.clock.now(),
        fastrand::u64(..),
    );
    let mut told = Told::default();
    if is_once {
        told.message = read_mark(clients, &message).await.map_err(marked)?;
        let claimed = claim_mark(clients, &mark, &text).await.map_err(marked)?;
        told.is_marked = claimed == Marked::Before;
    } else {
        let found: Option<Mark> = read_mark(clients, &mark).await.map_err(marked)?;
        told.is_marked = found.is_some();
    }
    let before = told.message.clone();
    let sent = channel.send(aws, outside, ids, notice, &mut told).await;
    if let Some(posted) = told
        .message
        .as_ref()
        .filter(|m| before.as_ref() != Some(*m))
    {
        // It is posted; only that it can be edited would be lost.
        if let Err(fault) = keep(clients, &message, posted).await {
            let (channel, code) = (channel.name(), fault.code);
            tracing::warn!(
                channel,
                code,
                "the message of a window was not kept: {}",
                fault.message
            );
        }
    }
    match &sent {
        Ok(receipt) if !is_once && receipt.done != Done::ToldBefore => {
            claim_mark(clients, &mark, &text).await.map_err(marked)?;
        }
        Err(fault) if is_once && fault.is_refused() => {
            forget_mark(clients, &mark).await.map_err(marked)?
        }
        Ok(_) | Err(_) => {}
    }
    Ok(sent?)
}

/// Keeps the message about the window, in the place of one that is gone.
async fn keep(clients: &Clients, name: &str, message: &SlackMessage) -> Result<(), Fault> {
    forget_mark(clients, name).await?;
    claim_mark(clients, name, message).await.map(drop)
}
