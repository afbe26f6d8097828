//! The story of a notice in plain words, before any channel shows it. Nothing in it is escaped.

use super::event::NoticeEvent;
use super::notice::{GroupNote, Notice, Planned};
use crate::text::{counted, plain_text, shortened};

/// Characters of a reason of one group.
const REASON_CHARS: usize = 200;

/// A label and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The label.
    pub label: &'static str,
    /// Its value.
    pub value: String,
}

/// The parts of a notice's text, in their order. All foreign text is on one line and not escaped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// One line.
    pub title: String,
    /// The event, its place and its time.
    pub sentence: String,
    /// The particulars.
    pub facts: Vec<Fact>,
    /// A line for each group.
    pub groups: Vec<String>,
    /// Names of packages.
    pub packages: Vec<String>,
    /// Steps for the reader.
    pub what_to_do: Vec<String>,
    /// Where the whole is.
    pub link: Option<String>,
    /// By whom and of which run.
    pub footer: String,
}

/// The story of a notice.
pub fn story(notice: &Notice) -> Story {
    let test = if notice.is_test { "TEST - " } else { "" };
    let run = notice
        .run_id
        .as_ref()
        .map(|id| format!(" run {}", plain_text(id)));
    Story {
        title: format!("{test}{}: {}", notice.event.title(), notice.place()),
        sentence: sentence(notice),
        facts: facts(notice),
        groups: notice.groups.iter().map(group).collect(),
        packages: notice.packages.iter().map(|p| plain_text(p)).collect(),
        what_to_do: notice.what_to_do.iter().map(|s| plain_text(s)).collect(),
        link: notice.report_url.clone(),
        footer: format!(
            "asg-patch{}, window {}",
            run.unwrap_or_default(),
            plain_text(&notice.window)
        ),
    }
}

fn sentence(notice: &Notice) -> String {
    let place = notice.place();
    let planned = notice.times.planned;
    let when = planned.words();
    let because = match plain_text(&notice.reason) {
        reason if reason.is_empty() => String::new(),
        reason => format!(": {reason}"),
    };
    match notice.event {
        NoticeEvent::Scheduled => format!("{place} is patched on {when}{because}."),
        NoticeEvent::BeginsSoon => format!("Patching of {place} begins at {}.", clock(planned)),
        NoticeEvent::AwaitsApproval => {
            format!("{place} is to be patched on {when}, and waits for an approval{because}.")
        }
        NoticeEvent::Begun => format!(
            "{place} is being patched, until {} at the latest.",
            until(planned)
        ),
        NoticeEvent::GroupFailed => {
            let open = if notice.has_open_group() {
                " Not every one is restored yet."
            } else {
                ""
            };
            let groups = counted(notice.groups.len(), "group");
            format!("{groups} of {place} could not be patched; the run goes on.{open}")
        }
        NoticeEvent::Ended if notice.has_open_group() => {
            format!("Patching of {place} has ended, and a group is NOT restored yet.")
        }
        NoticeEvent::Ended => format!("Patching of {place} has ended{}.", tally(notice)),
        NoticeEvent::Moved => {
            let before = notice
                .times
                .before
                .map(|b| format!(" It was planned for {}.", b.words()));
            format!(
                "{place} is patched on {when}{because}.{}",
                before.unwrap_or_default()
            )
        }
        NoticeEvent::Withdrawn => format!("{place} is not patched on {when}{because}."),
        NoticeEvent::Frozen => {
            format!("{place} is not patched on {when}, as it is frozen{because}.")
        }
        NoticeEvent::NotApproved => {
            format!("{place} is not patched on {when}, as it was not approved{because}.")
        }
        NoticeEvent::Missed => {
            format!("{place} was to be patched on {when}, and no run has begun{because}.")
        }
    }
}

fn clock(planned: Planned) -> String {
    planned
        .start
        .with_timezone(&planned.zone)
        .format("%H:%M %Z")
        .to_string()
}

fn until(planned: Planned) -> String {
    planned
        .end
        .with_timezone(&planned.zone)
        .format("%H:%M %Z")
        .to_string()
}

/// `: 1 patched, 1 rolled back`.
fn tally(notice: &Notice) -> String {
    let counts = notice
        .outcomes
        .iter()
        .map(|(outcome, n)| format!("{n} {}", outcome.words()));
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        String::new()
    } else {
        format!(": {}", counts.join(", "))
    }
}

fn facts(notice: &Notice) -> Vec<Fact> {
    let mut facts = vec![
        Fact {
            label: "Application",
            value: plain_text(&notice.application),
        },
        Fact {
            label: "Environment",
            value: plain_text(&notice.environment),
        },
        Fact {
            label: "Window",
            value: notice.times.planned.words(),
        },
    ];
    facts.extend(notice.approval.as_ref().map(|approval| Fact {
        label: "Approval",
        value: plain_text(approval),
    }));
    if !notice.groups.is_empty() {
        let counts = tally(notice);
        facts.push(Fact {
            label: "Groups",
            value: format!("{}{counts}", notice.groups.len()),
        });
    }
    if !notice.packages.is_empty() {
        facts.push(Fact {
            label: "Packages",
            value: notice.packages.len().to_string(),
        });
    }
    let gib: u32 = notice.groups.iter().filter_map(|g| g.image_gib).sum();
    if gib > 0 {
        facts.push(Fact {
            label: "Images",
            value: format!("{gib} GiB"),
        });
    }
    facts
}

/// `shop-web: patched, size 0-4-0, image 16 GiB`.
fn group(note: &GroupNote) -> String {
    let mut text = plain_text(&note.group);
    let mut separator = ": ";
    let mut push = |part: String| {
        text.push_str(separator);
        text.push_str(&part);
        separator = ", ";
    };
    if let Some(outcome) = note.outcome {
        let code = note.code.map(|c| format!(" ({c})")).unwrap_or_default();
        push(format!("{}{code}", outcome.words()));
    }
    if note.left_open {
        push("NOT restored yet".into());
    }
    if let Some(size) = note.size {
        push(format!("size {size}"));
    }
    if let Some(gib) = note.image_gib {
        push(format!("image {gib} GiB"));
    }
    // Of a group that went well there is nothing to explain.
    if note.code.is_some() && !note.reason.is_empty() {
        push(shortened(&plain_text(&note.reason), REASON_CHARS));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::notices::{bare, sample};

    #[test]
    fn each_notice_in_a_sentence() {
        let of = |notice: &Notice| {
            let story = story(notice);
            format!("{}\n  {}\n", story.title, story.sentence)
        };
        let all: String = NoticeEvent::ALL
            .iter()
            .map(|event| of(&sample(*event)))
            .collect();
        expect![[r#"
            Patching scheduled: shop (Production)
              shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC): the freeze of the quarter's end.
            Patching begins soon: shop (Production)
              Patching of shop (Production) begins at 06:00 CEST.
            Patching waits for an approval: shop (Production)
              shop (Production) is to be patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), and waits for an approval: the freeze of the quarter's end.
            Patching has begun: shop (Production)
              shop (Production) is being patched, until 09:00 CEST at the latest.
            A group was not patched: shop (Production)
              2 groups of shop (Production) could not be patched; the run goes on.
            Patching has ended: shop (Production)
              Patching of shop (Production) has ended: 1 patched, 1 rolled back.
            Patching was moved: shop (Production)
              shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC): the freeze of the quarter's end. It was planned for 13 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
            Patching was withdrawn: shop (Production)
              shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC): the freeze of the quarter's end.
            Patching is frozen: shop (Production)
              shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it is frozen: the freeze of the quarter's end.
            Patching was not approved: shop (Production)
              shop (Production) is not patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), as it was not approved: the freeze of the quarter's end.
            Patching was missed: shop (Production)
              shop (Production) was to be patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC), and no run has begun: the freeze of the quarter's end.
        "#]].assert_eq(&all);
        let all: String = NoticeEvent::ALL
            .iter()
            .map(|event| of(&bare(*event)))
            .collect();
        assert!(!all.contains(" :") && !all.contains(": ."), "{all}");
    }

    #[test]
    fn groups_in_a_line_each() {
        let mut notice = sample(NoticeEvent::Ended);
        notice.groups[1].left_open = true;
        notice.groups.push(GroupNote::named("a\nb".into()));
        let story = story(&notice);
        expect![[r#"
            shop-web: patched, size 0-4-0, image 16 GiB
            shop-batch: rolled back (AP-0311), NOT restored yet, size 0-2-0, the patch command ended as Failed
            a b"#]].assert_eq(&story.groups.join("\n"));
        assert!(story.sentence.contains("NOT restored"));
    }
}
