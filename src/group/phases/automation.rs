//! An owner's runbook: started once, found again, awaited, stopped.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::super::automation::{self, End, Moment, Runbook, Start};
use super::super::decision::{Context, Decision};
use super::super::effect::Effect;
use super::super::fault::{FaultClass, Read};
use super::super::job::{Job, Lapse};
use super::super::ledger::Key;
use super::super::limits;
use super::super::pin::resolve;
use super::super::seen::{AutomationSeen, Need};

/// The end of a runbook, as far as the pipeline is concerned.
pub(super) enum Verdict {
    /// It succeeded; in words.
    Good(String),
    /// It did not, or was not seen to; in words.
    Bad(String),
}

pub(super) fn needs(job: &Job, moment: Moment) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Group]);
    if job.may_automate(moment) {
        needs.insert(Need::Automations);
    }
    needs
}

/// Whether an execution may have to be stopped.
pub(super) fn may_run(job: &Job) -> bool {
    Moment::ALL.into_iter().any(|m| job.may_automate(m))
}

/// Starts the runbook or waits for it. `Ok` once it is over, or will not be waited for any longer.
pub(super) fn ended(
    cx: &Context<'_>,
    moment: Moment,
    runbook: &Runbook,
) -> Result<Verdict, Decision> {
    let document = format!("{} {runbook}", moment.document());
    if let Some(end) = cx.job.automation_end(moment) {
        return Ok(verdict(cx, moment, &document, end));
    }
    if cx.job.may_automate(moment) {
        let listed = cx.read(&cx.seen.automations, "automations")?;
        if let Some(execution) = listed.get(&moment) {
            return awaited(cx, moment, &document, execution);
        }
    }
    start(cx, moment, runbook, &document)
}

fn verdict(cx: &Context<'_>, moment: Moment, document: &str, end: &End) -> Verdict {
    let id = cx.job.made.automations.get(&moment);
    let id = id
        .map(|execution| execution.id.as_str())
        .unwrap_or_default();
    if end.is_good {
        return Verdict::Good(format!("{document} succeeded: execution {id}"));
    }
    let done_at = |key| cx.job.ledger.done_at(&key);
    let Some(stopped_at) = done_at(Key::StopAutomation(moment)) else {
        return Verdict::Bad(format!("{document}: execution {id} ended {}", end.words));
    };
    let began = done_at(Key::StartAutomation(moment)).unwrap_or(cx.job.entered_at());
    let minutes = (stopped_at - began).num_minutes();
    Verdict::Bad(format!(
        "{document}: execution {id} was stopped after {minutes} min, and ended {}",
        end.words
    ))
}

/// It is not over: looked at again, until its limit has come.
fn awaited(
    cx: &Context<'_>,
    moment: Moment,
    document: &str,
    execution: &AutomationSeen,
) -> Result<Verdict, Decision> {
    let AutomationSeen { id, status, .. } = execution;
    let by_our_clock = |at: DateTime<Utc>| at.checked_sub_signed(cx.job.clock_offset);
    let began = execution.started_at.and_then(by_our_clock);
    let began = began.unwrap_or(cx.job.entered_at());
    let running_for = cx.since(began);
    if running_for <= limits::AUTOMATION_LIMIT {
        let reason = format!("{document}: execution {id} is {status}");
        return Err(cx.look(began, limits::EXPECTED_AUTOMATION / 4, reason));
    }
    stop(cx, moment, id)?;
    let minutes = running_for.num_minutes();
    Ok(Verdict::Bad(format!(
        "{document}: execution {id} is still {status} after {minutes} min, although it was stopped"
    )))
}

fn start(
    cx: &Context<'_>,
    moment: Moment,
    runbook: &Runbook,
    document: &str,
) -> Result<Verdict, Decision> {
    let effect = Effect::StartAutomation(Box::new(Start {
        moment,
        runbook: runbook.clone(),
        parameters: parameters(cx, moment, runbook),
        token: automation::token(&cx.record().run_id, &cx.record().group, moment),
    }));
    let tried = cx.job.ledger.get(&effect.key());
    let is_spent = tried.is_some_and(|t| {
        t.done_at.is_some()
            || t.fault
                .as_ref()
                .is_some_and(|f| f.class == FaultClass::Exists)
    });
    // Started, but not listed: its token starts it no second time.
    if let Some(tried) = tried.filter(|_| is_spent) {
        let since = tried.done_at.unwrap_or(tried.first_at);
        if cx.since(since) < limits::VISIBILITY_LIMIT {
            let reason = format!("{document} was started, and is not listed yet");
            return Err(cx.look(since, limits::COMMAND_SHOWS_PAUSE, reason));
        }
        let minutes = limits::VISIBILITY_LIMIT.num_minutes();
        return Ok(Verdict::Bad(format!(
            "{document} was started, and is not listed after {minutes} min"
        )));
    }
    if let Some(fault) = tried
        .filter(|t| t.is_lasting())
        .and_then(|t| t.fault.as_ref())
    {
        let why = fault.to_failure().reason;
        return Ok(Verdict::Bad(format!(
            "{document} could not be started: {why}"
        )));
    }
    cx.settled("whether the document was started before will show")?;
    // An attempt without an answer may have taken effect: it would be listed by now.
    if let Some(last) = tried {
        let elapsed = cx.since(last.last_at);
        if elapsed < limits::AUTOMATION_SHOWS_LIMIT {
            let reason = format!("whether {document} was started will show");
            return Err(cx.wait(limits::LOOK_MIN, reason));
        }
    }
    let look_after = cx.first_look(limits::EXPECTED_AUTOMATION / 4);
    Err(cx.act(effect, look_after, format!("starting {document}")))
}

/// The facts about the group that the runbook asks for.
fn parameters(cx: &Context<'_>, moment: Moment, runbook: &Runbook) -> BTreeMap<String, String> {
    let record = cx.record();
    let pin = record.pins.first();
    let before = pin.and_then(|p| resolve(p, &record.templates));
    let made = pin.and_then(|p| cx.job.made.versions.get(&p.template).copied());
    let forward = cx.job.forward.as_ref();
    let (image, version) = match moment {
        Moment::Before => (forward.map(|f| &f.image), before),
        Moment::After => (cx.job.made.image.as_ref(), made),
    };
    let told = [
        (automation::GROUP, Some(record.group.to_string())),
        (automation::RUN, Some(record.run_id.to_string())),
        (automation::STEP, Some(moment.to_string())),
        (automation::IMAGE, image.map(ToString::to_string)),
        (automation::TEMPLATE, pin.map(|p| p.template.to_string())),
        (automation::VERSION, version.map(|n| n.to_string())),
    ];
    told.into_iter()
        .filter(|(name, _)| runbook.declares.contains(*name))
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// Stops whatever still runs of the owner's runbooks; `Ok` once nothing does, or as much as can be done was done: a group
/// is not kept from its restore by them.
pub(super) fn stopped(cx: &Context<'_>) -> Result<(), Decision> {
    for moment in Moment::ALL.into_iter().filter(|m| cx.job.may_automate(*m)) {
        if let Some(execution) = cx.job.made.automations.get(&moment) {
            stop(cx, moment, &execution.id)?;
            continue;
        }
        match &cx.seen.automations {
            Read::Failed(_) if cx.lasts(Lapse::ReadFailed) > limits::AUTOMATION_STOP_LIMIT => {}
            Read::Failed(fault) => return Err(cx.blind(fault)),
            Read::Unread => {
                return Err(cx.wait(limits::NO_PAUSE, "automations must be read first"));
            }
            Read::Present(_) | Read::Absent => unlisted(cx, moment)?,
        }
    }
    Ok(())
}

/// A start without an answer may show yet.
fn unlisted(cx: &Context<'_>, moment: Moment) -> Result<(), Decision> {
    let tried = cx.job.ledger.get(&Key::StartAutomation(moment));
    let may_show = tried.is_some_and(|t| cx.since(t.last_at) < limits::AUTOMATION_SHOWS_LIMIT);
    if may_show {
        let reason = format!("whether the {} was started will show", moment.document());
        return Err(cx.wait(limits::CHANGE_SHOWS_PAUSE, reason));
    }
    cx.settled("whether a document was started before will show")
}

/// Stops an execution and waits for its end, for a while.
fn stop(cx: &Context<'_>, moment: Moment, id: &str) -> Result<(), Decision> {
    let effect = Effect::StopAutomation {
        moment,
        id: id.to_owned(),
    };
    let document = moment.document();
    let tried = cx.job.ledger.get(&effect.key());
    let for_long = |at| cx.since(at) > limits::AUTOMATION_STOP_LIMIT;
    match tried.map(|t| (t.done_at, t.first_at)) {
        Some((Some(done_at), _)) if for_long(done_at) => Ok(()),
        Some((Some(_), _)) => {
            let reason = format!("waiting until execution {id} of the {document} is stopped");
            Err(cx.wait(limits::CHANGE_SHOWS_PAUSE, reason))
        }
        Some((None, first_at)) if for_long(first_at) => Ok(()),
        Some((None, _)) | None => {
            let reason = format!("stopping execution {id} of the {document}");
            Err(cx.act(effect, limits::CHANGE_SHOWS_PAUSE, reason))
        }
    }
}
