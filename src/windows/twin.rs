//! A window that the file and AWS both have: what differs.

use chrono::{DateTime, TimeDelta, Utc};

use super::PatchWindow;
use crate::text::duration;

/// So far ahead openings are compared.
const AHEAD: TimeDelta = TimeDelta::days(70);

/// What differs between a window of the file and AWS's of the same name, a sentence each. When a window opens is AWS's
/// business: the file's is corrected, or the stack is deployed with the file's.
pub fn twin(file: &PatchWindow, aws: &PatchWindow, now: DateTime<Utc>) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            let (name, source) = (&file.name, &aws.source);
            found.push(format!(
                "{name}: the file says {what}{ours}, AWS {theirs} ({source}); AWS opens it"
            ));
        }
    };
    if aws.state.is_disabled {
        differ("", "that it opens".into(), "has it disabled".into());
    } else if let Some((ours, theirs)) = first_difference(file, aws, now) {
        differ("", ours, format!("opens it {theirs}"));
    }
    let length = |w: &PatchWindow| seconds(w.duration);
    differ("a length of ", length(file), length(aws));
    let cutoff = |w: &PatchWindow| seconds(w.cutoff);
    differ("a cutoff of ", cutoff(file), cutoff(aws));
    let late = |w: &PatchWindow| format!("{} flexible minutes", w.flexible.num_minutes());
    differ("", late(file), late(aws));
    differ("that it takes ", selection(file), selection(aws));
    found
}

/// The first opening that only one of them has, as each has it instead.
fn first_difference(
    file: &PatchWindow,
    aws: &PatchWindow,
    now: DateTime<Utc>,
) -> Option<(String, String)> {
    let until = now + AHEAD;
    let starts = |w: &PatchWindow| -> Vec<DateTime<Utc>> {
        let starts = w.openings(now).map(|o| o.window.start);
        starts.take_while(|at| *at < until).take(1_000).collect()
    };
    let (ours, theirs) = (starts(file), starts(aws));
    // Of a rate only the next opening is known.
    let known = match file.schedule.is_rate() || aws.schedule.is_rate() {
        true => ours.len().min(theirs.len()).min(1),
        false => ours.len().max(theirs.len()),
    };
    let place = (0..known).find(|n| ours.get(*n) != theirs.get(*n))?;
    let (a, b) = (ours.get(place).copied(), theirs.get(place).copied());
    let is_same_day = a.map(|t| t.date_naive()) == b.map(|t| t.date_naive());
    let shown = |at: Option<DateTime<Utc>>, with_day: bool| match at {
        Some(at) if with_day => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        Some(at) => at.format("at %H:%M UTC").to_string(),
        None => "not".to_owned(),
    };
    Some((shown(a, true), shown(b, !is_same_day)))
}

fn seconds(span: TimeDelta) -> String {
    duration(span.num_seconds().max(0).unsigned_abs())
}

fn selection(window: &PatchWindow) -> String {
    let mut parts: Vec<String> = window.groups.iter().map(ToString::to_string).collect();
    if !window.filters.is_empty() {
        parts.push(window.filters.to_string());
    }
    match parts.is_empty() {
        true => "all groups".to_owned(),
        false => parts.join(" "),
    }
}
