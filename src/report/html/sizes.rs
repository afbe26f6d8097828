//! The size of a group over the window: its capacity before and after, the scheduled actions that fell due, and the
//! launches of the run.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::scale::{Scale, WIDTH, round};
use crate::group::Phase;
use crate::report::{GroupReport, PhaseReport};
use crate::schedule::Capacity;

/// The height of the chart, in units of its own.
pub(super) const HEIGHT: f64 = 60.0;

/// The chart, and the same as a table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sizes {
    /// The desired capacity: the points of a line.
    pub(super) line: String,
    /// When the group launched an instance for the run, and so wanted one more.
    pub(super) launches: Vec<Span>,
    /// The largest desired capacity that the chart shows.
    pub(super) top: i32,
    pub(super) height: f64,
    pub(super) rows: Vec<Point>,
}

/// A stretch of time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Span {
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) from: String,
    pub(super) until: String,
}

/// A capacity from a moment on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Point {
    #[serde(skip)]
    at: DateTime<Utc>,
    #[serde(skip)]
    capacity: Capacity,
    pub(super) time: String,
    pub(super) size: String,
    pub(super) why: String,
}

/// The sizes of a group; none if the run did not work on it, or they are not known.
pub(super) fn sizes(group: &GroupReport, scale: &Scale) -> Option<Sizes> {
    let first = group.phases.first()?;
    let last = group.phases.last()?;
    let before = group.capacity_before?;
    let mut rows = vec![point(first.entered_at, before, "before the run".into())];
    rows.extend(group.scheduled.iter().map(|due| {
        let why = format!("scheduled action {}", due.action);
        point(due.at, due.capacity, why)
    }));
    if let Some(after) = group.capacity_after {
        rows.push(point(end(last), after, "after the run".into()));
    }
    let wanted = rows.iter().map(|p| p.capacity.desired).max();
    let top = wanted.unwrap_or_default().max(0).saturating_add(1);
    Some(Sizes {
        line: line(&rows, top, scale),
        launches: launches(&group.phases, scale),
        top,
        height: HEIGHT,
        rows,
    })
}

fn point(at: DateTime<Utc>, capacity: Capacity, why: String) -> Point {
    Point {
        at,
        capacity,
        time: at.format("%H:%M:%S").to_string(),
        size: capacity.to_string(),
        why,
    }
}

fn end(phase: &PhaseReport) -> DateTime<Utc> {
    let length = TimeDelta::try_seconds(i64::try_from(phase.seconds).unwrap_or(i64::MAX));
    let end = length.and_then(|l| phase.entered_at.checked_add_signed(l));
    end.unwrap_or(phase.entered_at)
}

/// Steps from edge to edge: the first and the last capacity hold beyond what is known.
fn line(rows: &[Point], top: i32, scale: &Scale) -> String {
    let y = |point: &Point| {
        let share = f64::from(point.capacity.desired) / f64::from(top);
        round(HEIGHT - 2.0 - share * (HEIGHT - 4.0))
    };
    let mut points = Vec::new();
    let mut level = rows.first().map(&y).unwrap_or_default();
    points.push(format!("0,{level}"));
    for row in rows {
        let x = scale.x(row.at);
        points.push(format!("{x},{level}"));
        level = y(row);
        points.push(format!("{x},{level}"));
    }
    points.push(format!("{WIDTH},{level}"));
    points.join(" ")
}

/// Each launch lasts until the phase that follows it ends, in which the group is read back.
fn launches(phases: &[PhaseReport], scale: &Scale) -> Vec<Span> {
    let is_launch = |p: &&PhaseReport| matches!(p.phase, Phase::Launching | Phase::LaunchingCanary);
    phases
        .iter()
        .filter(is_launch)
        .map(|launch| {
            let until = end(launch);
            let (x, to) = (scale.x(launch.entered_at), scale.x(until));
            Span {
                x,
                width: round((to - x).max(2.0)),
                from: launch.entered_at.format("%H:%M:%S").to_string(),
                until: until.format("%H:%M:%S").to_string(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::scale::Scale;
    use super::sizes;
    use crate::report::{DueAction, GroupReport, sample};

    #[test]
    fn the_line_steps_where_the_schedule_does() {
        let report = sample::run();
        let scale = Scale::of(&report);
        let group = GroupReport {
            capacity_after: Some(sample::capacity(1, 4, 3)),
            scheduled: vec![DueAction {
                at: sample::at(540),
                action: "morning".into(),
                capacity: sample::capacity(1, 4, 3),
            }],
            ..sample::patched("web")
        };
        let sizes = sizes(&group, &scale).unwrap();
        // The window has 10,800 s: 540 s are 50 of 1000.
        assert_eq!(
            sizes.line,
            "0,58 0,58 0,58 50,58 50,16 69.9,16 69.9,16 1000,16"
        );
        let rows: Vec<_> = sizes
            .rows
            .iter()
            .map(|r| (&*r.time, &*r.size, &*r.why))
            .collect();
        assert_eq!(
            rows,
            [
                ("04:00:00", "0-4-0", "before the run"),
                ("04:09:00", "1-4-3", "scheduled action morning"),
                ("04:12:35", "1-4-3", "after the run"),
            ]
        );
    }
}
