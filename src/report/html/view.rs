//! The report in the shape in which the template shows it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::scale::{Scale, Tick, WIDTH};
use super::sizes::{Sizes, sizes};
use super::timeline::{Bar, KINDS, bars};
use crate::group::patch::{PatchState, PatchTrace};
use crate::group::{Code, Outcome};
use crate::report::format::{transition, worked_seconds};
use crate::report::{
    GroupReport, PatchCounts, PatchEvidence, RunKind, RunReport, StackUse, by_urgency, more_about,
    tally,
};
use crate::text::{duration, plain_text, shell_word};

/// All that the template shows.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    pub(super) kind: String,
    pub(super) run_id: String,
    pub(super) region: String,
    pub(super) is_rehearsal: bool,
    pub(super) tally: String,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) open: Vec<Open>,
    pub(super) failures: Vec<Failed>,
    pub(super) width: f64,
    pub(super) ticks: Vec<Tick>,
    pub(super) deadline_x: f64,
    pub(super) deadline: String,
    pub(super) finished_x: f64,
    pub(super) finished: String,
    pub(super) kinds: Vec<(&'static str, &'static str)>,
    pub(super) groups: Vec<Group>,
    pub(super) cost: Option<CostView>,
    pub(super) warnings: Vec<String>,
    pub(super) calls: Vec<(String, u64)>,
    pub(super) calls_total: u64,
}

/// A group that is not restored yet.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Open {
    pub(super) group: String,
    pub(super) id: String,
    pub(super) command: String,
}

/// A code of the report, with the groups that it concerns.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) remedy: &'static str,
    pub(super) more: String,
    pub(super) is_link: bool,
    /// Name, id and reason.
    pub(super) groups: Vec<(String, String, String)>,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) outcome: &'static str,
    /// The class of its outcome.
    pub(super) class: String,
    pub(super) left_open: bool,
    pub(super) code: Option<&'static str>,
    pub(super) reason: String,
    pub(super) image: (String, String),
    pub(super) version: String,
    pub(super) capacity: (String, String),
    pub(super) took: String,
    pub(super) altered: String,
    pub(super) borrowed: String,
    pub(super) missing_before: Option<u32>,
    pub(super) patches: PatchCounts,
    pub(super) installed: Vec<String>,
    pub(super) evidence: Option<EvidenceView>,
    pub(super) console: Option<String>,
    pub(super) bars: Vec<Bar>,
    pub(super) sizes: Option<Sizes>,
    pub(super) notes: Vec<String>,
}

/// The evidence of a group's patches.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EvidenceView {
    pub(super) baseline: Option<String>,
    pub(super) lineage: Option<String>,
    pub(super) made_with: Option<String>,
    pub(super) patches: Vec<PatchRow>,
    pub(super) patches_left_out: bool,
}

/// A patch.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PatchRow {
    pub(super) name: String,
    pub(super) classification: String,
    pub(super) severity: String,
    pub(super) cves: Vec<String>,
    pub(super) cves_left_out: u32,
    pub(super) before: &'static str,
    pub(super) after: &'static str,
}

/// The cost.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CostView {
    /// Type, time, amount.
    pub(super) instances: Vec<(String, String, String)>,
    pub(super) snapshot_gib: u64,
    /// The part of the stack that the run used itself.
    pub(super) stack: Option<String>,
    pub(super) words: Option<String>,
}

impl View {
    pub(super) fn of(report: &RunReport) -> Self {
        let scale = Scale::of(report);
        let ids: BTreeMap<&str, String> = report
            .groups
            .iter()
            .enumerate()
            .map(|(n, g)| (g.group.as_str(), format!("group-{}", n + 1)))
            .collect();
        let id = |g: &GroupReport| ids.get(g.group.as_str()).cloned().unwrap_or_default();
        let open = report.left_open().map(|g| Open {
            group: plain_text(&g.group),
            id: id(g),
            command: format!(
                "asg-patch restore --region {} --group {}",
                report.region,
                shell_word(&g.group)
            ),
        });
        Self {
            kind: report.kind.to_string(),
            run_id: plain_text(&report.run_id),
            region: report.region.clone(),
            is_rehearsal: report.kind == RunKind::Rehearse,
            tally: tally(report),
            facts: facts(report),
            open: open.collect(),
            failures: failures(report, id),
            width: WIDTH,
            ticks: scale.ticks(),
            deadline_x: scale.x(report.deadline),
            deadline: report.deadline.format("%H:%M").to_string(),
            finished_x: scale.x(report.finished_at),
            finished: report.finished_at.format("%H:%M").to_string(),
            kinds: KINDS.to_vec(),
            groups: report
                .groups
                .iter()
                .map(|g| group(g, id(g), &scale))
                .collect(),
            cost: cost(report),
            warnings: report.warnings.iter().map(|w| plain_text(w)).collect(),
            calls: report.api_calls.clone().into_iter().collect(),
            calls_total: report.api_calls.values().sum(),
        }
    }
}

fn facts(report: &RunReport) -> Vec<(&'static str, String)> {
    const TIME: &str = "%Y-%m-%d %H:%M UTC";
    let took = (report.finished_at - report.started_at).num_seconds();
    let altered = report.groups.iter().map(|g| g.altered_seconds).max();
    let borrowed: u64 = report.groups.iter().map(|g| g.instance_seconds).sum();
    let mut facts = vec![
        ("Region", report.region.clone()),
        ("Started", report.started_at.format(TIME).to_string()),
        ("Ended", report.finished_at.format(TIME).to_string()),
        ("Took", duration(took.unsigned_abs())),
        (
            "End of the window",
            report.deadline.format(TIME).to_string(),
        ),
    ];
    facts.extend(match report.kind {
        RunKind::Run | RunKind::Rehearse => vec![
            (
                "Longest alteration of a group",
                duration(altered.unwrap_or_default()),
            ),
            ("Instances borrowed", duration(borrowed)),
        ],
        // For how long their run had altered them before, a restore does not know.
        RunKind::Restore => Vec::new(),
    });
    let asked_by = report
        .asked_by
        .as_deref()
        .map(|by| ("Asked for by", plain_text(by)));
    let why = report.why.as_deref().map(|why| ("Reason", plain_text(why)));
    let window = report
        .window
        .as_deref()
        .map(|name| ("Window", plain_text(name)));
    let approved = report.approved.as_deref();
    let approved = approved.map(|by| ("Approved by", plain_text(by)));
    let about = window.into_iter().chain(asked_by).chain(why);
    facts.extend(about.chain(approved));
    facts
}

/// The codes in the order of urgency of their groups.
fn failures(report: &RunReport, id: impl Fn(&GroupReport) -> String) -> Vec<Failed> {
    // A file may say anything: only addresses that a browser opens become links.
    let pages_url = report.pages_url.as_deref();
    let pages_url = pages_url.filter(|u| u.starts_with("https://") || u.starts_with("http://"));
    let mut failures: Vec<(Code, Failed)> = Vec::new();
    for group in by_urgency(report) {
        let Some(code) = group.code else { continue };
        let entry = (
            plain_text(&group.group),
            id(group),
            plain_text(&group.reason),
        );
        match failures.iter_mut().find(|(known, _)| *known == code) {
            Some((_, failed)) => failed.groups.push(entry),
            None => failures.push((
                code,
                Failed {
                    code: code.as_str(),
                    title: code.title(),
                    remedy: code.remedy(),
                    more: more_about(code, pages_url),
                    is_link: pages_url.is_some(),
                    groups: vec![entry],
                },
            )),
        }
    }
    failures.into_iter().map(|(_, failed)| failed).collect()
}

fn group(group: &GroupReport, id: String, scale: &Scale) -> Group {
    let seconds = worked_seconds(group);
    Group {
        id,
        name: plain_text(&group.group),
        outcome: group.outcome.words(),
        class: class(group),
        left_open: group.left_open,
        code: group.code.map(Code::as_str),
        reason: plain_text(&group.reason),
        image: both(&group.image_before, &group.image_after),
        version: transition(
            group.version_before.as_deref().map(plain_text).as_deref(),
            group.version_after.as_deref().map(plain_text).as_deref(),
            false,
        ),
        capacity: both(&group.capacity_before, &group.capacity_after),
        took: if seconds == 0 {
            "-".into()
        } else {
            duration(seconds)
        },
        altered: duration(group.altered_seconds),
        borrowed: duration(group.instance_seconds),
        missing_before: group.missing_before,
        patches: group.patches,
        installed: group.installed.iter().map(|p| plain_text(p)).collect(),
        evidence: group.evidence.as_ref().map(evidence),
        console: group.console.clone(),
        bars: bars(group, scale),
        sizes: sizes(group, scale),
        notes: group.notes.iter().map(|n| plain_text(n)).collect(),
    }
}

fn evidence(evidence: &PatchEvidence) -> EvidenceView {
    let word = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), plain_text);
    let row = |(name, trace): (&String, &PatchTrace)| PatchRow {
        name: plain_text(name),
        classification: word(&trace.facts.classification),
        severity: word(&trace.facts.severity),
        cves: trace.facts.cves.iter().map(|id| plain_text(id)).collect(),
        cves_left_out: trace.facts.cves_left_out,
        before: trace.before.map_or("-", PatchState::words),
        after: trace.after.words(),
    };
    EvidenceView {
        baseline: evidence.baseline.as_deref().map(plain_text),
        lineage: evidence.lineage.as_ref().map(ToString::to_string),
        made_with: evidence.made_with.as_ref().map(|g| plain_text(g)),
        patches: evidence.patches.0.iter().map(row).collect(),
        patches_left_out: evidence.patches_left_out,
    }
}

fn class(group: &GroupReport) -> String {
    match group.outcome {
        _ if group.left_open => "failed".into(),
        Outcome::Patched | Outcome::AlreadyCurrent => "good".into(),
        Outcome::Skipped | Outcome::Scanned => "skipped".into(),
        Outcome::RolledBack | Outcome::Failed => "failed".into(),
    }
}

/// The value before and after; the second is empty if nothing changed.
fn both<T: ToString + PartialEq>(before: &Option<T>, after: &Option<T>) -> (String, String) {
    let words = |value: &Option<T>| {
        value
            .as_ref()
            .map_or("-".to_owned(), |v| plain_text(&v.to_string()))
    };
    if before == after {
        (words(before), String::new())
    } else {
        (words(before), words(after))
    }
}

fn cost(report: &RunReport) -> Option<CostView> {
    let cost = report.cost.as_ref()?;
    let amounts = cost.amounts.as_ref();
    let money = |amount: Option<f64>| match (amounts, amount) {
        (Some(amounts), Some(amount)) => amounts.money(amount),
        _ => "-".to_owned(),
    };
    let mut instances: Vec<(String, String, String)> = cost
        .instances
        .iter()
        .map(|i| (i.name(), duration(i.seconds), money(i.amount)))
        .collect();
    if cost.unknown_type_seconds > 0 {
        let time = duration(cost.unknown_type_seconds);
        instances.push(("type not known".into(), time, "-".into()));
    }
    cost.quantities()?;
    Some(CostView {
        instances,
        snapshot_gib: cost.snapshot_gib,
        stack: cost.stack.as_ref().map(StackUse::words),
        words: cost.in_money(),
    })
}
