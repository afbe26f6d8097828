//! Rings: which applications the window that goes before has brought through.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::announcer::Announcer;
use crate::group::Outcome;
use crate::group::fault::Fault;
use crate::notices::{Known, Mark, NoticeEvent};
use crate::request::Ring;
use crate::windows::After;

impl Announcer<'_> {
    /// The window that goes before one of this name, and which applications it has brought through; none if it waits for none.
    ///
    /// # Errors
    /// Marks could not be read.
    pub async fn ring(&self, window: &str) -> Result<Option<Ring>, Fault> {
        match self.setup.after(window) {
            Some(after) => Ok(Some(ring(
                after,
                &self.known().await?,
                self.aws.clock.now(),
            ))),
            None => Ok(None),
        }
    }
}

/// Of each place the last run counts.
fn ring(after: &After, known: &[Known], now: DateTime<Utc>) -> Ring {
    let since = now - TimeDelta::days(after.days.into());
    let mut last: BTreeMap<(&str, &str), &Mark> = BTreeMap::new();
    let of_window = known.iter().filter(|k| k.window() == after.window);
    let ends = of_window.filter_map(|k| k.fact(NoticeEvent::Ended));
    for end in ends.filter(|end| end.at >= since) {
        let place = (end.place.application(), end.place.environment());
        let known = last.entry(place).or_insert(end);
        if known.at < end.at {
            *known = end;
        }
    }
    let mut ring = Ring {
        after: after.window.clone(),
        days: after.days,
        ..Ring::default()
    };
    for ((application, _), end) in last {
        match failed(end) {
            Some(fared) => _ = ring.fared.insert(application.to_owned(), fared),
            None => _ = ring.passed.insert(application.to_owned()),
        }
    }
    // One failure in any of its environments counts.
    let Ring { passed, fared, .. } = &mut ring;
    passed.retain(|application| !fared.contains_key(application));
    ring
}

fn failed(end: &Mark) -> Option<String> {
    let day = end.at.format("%F");
    if end.outcomes.is_empty() {
        return Some(format!("had a run on {day} without a result"));
    }
    let is_well = |outcome: &Outcome| matches!(outcome, Outcome::Patched | Outcome::AlreadyCurrent);
    let bad: Vec<String> = end
        .outcomes
        .iter()
        .filter(|(outcome, _)| !is_well(outcome))
        .map(|(outcome, n)| format!("{n} {}", outcome.words()))
        .collect();
    (!bad.is_empty()).then(|| format!("had {} on {day}", bad.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::{Notice, sample};

    fn end(application: &str, environment: &str, day: u32, outcomes: &[(Outcome, usize)]) -> Mark {
        let notice = Notice {
            window: "acceptance".into(),
            window_id: format!("acceptance-{day}"),
            application: application.into(),
            environment: environment.into(),
            outcomes: outcomes.iter().copied().collect(),
            ..sample(NoticeEvent::Ended)
        };
        let at = format!("2026-10-{day:02}T05:00:00Z");
        Mark::of(&notice, None, at.parse().unwrap(), 0)
    }

    #[test]
    fn an_application_passes_whose_last_runs_had_no_failure() {
        use Outcome::{AlreadyCurrent, Failed, Patched, RolledBack};
        let marks = [
            end("shop", "Acc", 8, &[(RolledBack, 1), (Patched, 3)]),
            end("shop", "Acc", 12, &[(Patched, 4)]),
            end("blog", "Acc", 12, &[(Patched, 1)]),
            end("blog", "Test", 12, &[(Failed, 1), (RolledBack, 2)]),
            end("wiki", "Acc", 1, &[(Patched, 1)]),
            end("mail", "Acc", 12, &[]),
            end("crm", "Acc", 12, &[(AlreadyCurrent, 2)]),
        ];
        let after = After {
            window: "acceptance".into(),
            days: 7,
        };
        let now = "2026-10-14T04:00:00Z".parse().unwrap();
        let ring = ring(&after, &Known::of(marks), now);
        let of = |application| ring.holds_back(application);
        assert_eq!((of("shop"), of("crm")), (None, None));
        let held = ["blog", "wiki", "mail"].map(|a| of(a).unwrap());
        assert_eq!(
            held,
            [
                "it comes after window acceptance, in which blog had 2 rolled back and 1 failed on 2026-10-12",
                "it comes after window acceptance, of which no run for wiki has ended within 7 days",
                "it comes after window acceptance, in which mail had a run on 2026-10-12 without a result",
            ]
        );
    }
}
