//! How it stands with an approval, in the words of a notice.

use super::event::NoticeEvent;
use super::notice::Notice;
use crate::windows::Standing;

/// How it stands with the approval of a window, and how to give it; none if there is nothing to say. Of a run that has begun only
/// who approved it: one that a person starts needs no approval.
pub fn approval_words(standing: &Standing, notice: &Notice) -> Option<String> {
    let zone = notice.times.planned.zone;
    let window = &notice.window;
    let has_begun = notice.event == NoticeEvent::Begun;
    match standing {
        Standing::Approved(decision) => Some(format!("by {}", decision.words())),
        Standing::Rejected(_) | Standing::Awaited(_) | Standing::Lacking(_) if has_begun => None,
        Standing::Rejected(decision) => Some(format!("rejected by {}", decision.words())),
        Standing::Awaited(until) => Some(format!(
            "needed by {}: asg-patch approve --window {window} --why REASON, or run the document AsgPatch-Approve of Systems Manager",
            until.with_timezone(&zone).format("%-d %B %Y %H:%M %Z")
        )),
        Standing::Lacking(_) => None,
    }
}
