//! How it stands with an approval, in the words of a notice.

use chrono::SecondsFormat;

use super::event::NoticeEvent;
use super::notice::Notice;
use crate::windows::{ApprovalDemand, Standing};

/// How it stands with the approval of a window, and how to give it; none if there is nothing to say. Of a run that has begun only
/// who approved it: one that a person starts needs no approval.
pub fn approval_words(
    standing: &Standing,
    notice: &Notice,
    demand: &ApprovalDemand,
) -> Option<String> {
    let has_begun = notice.event == NoticeEvent::Begun;
    match standing {
        Standing::Approved(decision) => Some(format!("by {}", decision.words())),
        Standing::Rejected(_) | Standing::Awaited(_) | Standing::Lacking(_) if has_begun => None,
        Standing::Rejected(decision) => Some(format!("rejected by {}", decision.words())),
        Standing::Awaited(_) => Some(needed(notice, demand)),
        Standing::Lacking(_) => None,
    }
}

fn needed(notice: &Notice, demand: &ApprovalDemand) -> String {
    let (window, planned) = (&notice.window, notice.times.planned);
    // The run that waits is the one that is meant.
    if notice.event == NoticeEvent::AwaitsApproval {
        return format!(
            "needed now: asg-patch approve --window {window} --why REASON, or run the document AsgPatch-Approve of Systems Manager"
        );
    }
    let by = planned.start.with_timezone(&planned.zone);
    let longer = match demand.within.num_minutes() {
        0 => String::new(),
        minutes => format!(" (its run waits {minutes} min for it)"),
    };
    format!(
        "needed by {}{longer}: asg-patch approve --window {window} --opening {} --why REASON, or run the document AsgPatch-Approve of Systems Manager",
        by.format("%-d %B %Y %H:%M %Z"),
        planned.start.to_rfc3339_opts(SecondsFormat::Secs, true)
    )
}
