//! The canary as a target of the group's load balancers: registered for its proof, healthy, and out again before
//! anything else becomes of it. A terminated target is deregistered by AWS, without regard to open connections; so
//! what cannot be seen or done here holds up no restore.

use chrono::{DateTime, Utc};

use super::super::decision::{Context, Decision, failed};
use super::super::effect::{Effect, Role};
use super::super::fault::Read;
use super::super::job::Job;
use super::super::ledger::Key;
use super::super::proof::Proof;
use super::super::seen::{GroupSeen, Seen, TargetSeen, TargetState};
use super::super::{Code, Phase, limits};
use crate::ids::{Balancer, InstanceId};

/// Attempts at taking the canary out of a target group or load balancer.
const WITHDRAWALS: u32 = 3;

/// Whether the canary may be registered, by this driver or by one before it.
pub(super) fn may_be_registered(job: &Job) -> bool {
    let is_asked = |prove: &Proof| *prove == Proof::LoadBalancer;
    let forward = job.forward.as_ref();
    let may_be_forgotten =
        job.resumed_at.is_some() && forward.is_none_or(|f| is_asked(&f.options.prove));
    job.instance(Role::Canary).is_some()
        && (may_be_forgotten || job.ledger.has_tried(is_registration))
}

fn is_registration(key: &Key) -> bool {
    key.registers_with().is_some()
}

/// Takes down that every target group and Classic Load Balancer of the group calls the canary healthy.
pub(super) fn learn(job: &mut Job, seen: &Seen) {
    if job.phase != Phase::Proving || job.evidence.load_balanced {
        return;
    }
    let (Some(group), Some(targets)) = (seen.group.present(), seen.targets.present()) else {
        return;
    };
    let is_healthy = |balancer: &Balancer| {
        targets
            .get(balancer)
            .is_some_and(|t| t.state == TargetState::Healthy)
    };
    job.evidence.load_balanced =
        !group.balancers.is_empty() && group.balancers.iter().all(is_healthy);
}

/// Registers the canary and waits; `Ok` once each of them has called it healthy.
pub(super) fn healthy(cx: &Context<'_>, id: &InstanceId) -> Result<(), Decision> {
    if cx.job.evidence.load_balanced {
        return Ok(());
    }
    let group = cx.group()?;
    let seen = cx.read(&cx.seen.targets, "the health of the canary as a target")?;
    let of_group = || {
        seen.iter()
            .filter(|(balancer, _)| group.balancers.contains(*balancer))
    };
    let missing = of_group().filter(|(_, t)| !t.state.is_registered());
    let effects: Vec<Effect> = missing
        .map(|(balancer, _)| Effect::RegisterTarget {
            balancer: balancer.clone(),
            instance: id.clone(),
        })
        .filter(|effect| cx.job.done_at(effect).is_none())
        .collect();
    if !effects.is_empty() {
        return Err(Decision::Act {
            effects,
            reason: format!("registering {id} with the group's load balancers"),
            look_after: limits::EXPECTED_HEALTHY,
        });
    }
    let sick = of_group().find(|(_, t)| t.state != TargetState::Healthy);
    Err(match sick {
        Some((balancer, target)) => ill(cx, id, balancer, target),
        None => failed(
            Code::TargetUnhealthy,
            "the group has no load balancer any more that could call the canary healthy",
        ),
    })
}

fn ill(cx: &Context<'_>, id: &InstanceId, balancer: &Balancer, target: &TargetSeen) -> Decision {
    let since = registered_at(cx);
    let (kind, name, words) = (balancer.kind(), balancer.name(), &target.words);
    let elapsed = cx.since(since);
    if elapsed > limits::HEALTH_LIMIT {
        let minutes = elapsed.num_minutes();
        let reason =
            format!("{id} is {words} in {kind} {name} {minutes} min after its registration");
        return failed(Code::TargetUnhealthy, reason);
    }
    let reason = format!("{id} is {words} in {kind} {name}");
    cx.look(since, limits::EXPECTED_HEALTHY, reason)
}

/// The first registration; of those that a driver before this one made, the time is not known.
fn registered_at(cx: &Context<'_>) -> DateTime<Utc> {
    let first = cx.job.ledger.of_kind(is_registration);
    let first = first.filter_map(|(_, t)| t.done_at).min();
    first.or(cx.job.resumed_at).unwrap_or(cx.job.entered_at())
}

/// Takes the canary out of every target group and load balancer; `Ok` once it is out, or that was tried often enough.
pub(super) fn withdraw(cx: &Context<'_>) -> Result<(), Decision> {
    let Some(id) = cx.job.instance(Role::Canary) else {
        return Ok(());
    };
    let effects: Vec<Effect> = registered(cx, id)?
        .into_iter()
        .map(|balancer| Effect::DeregisterTarget {
            balancer,
            instance: id.clone(),
        })
        .filter(|effect| {
            let tried = cx.job.ledger.get(&effect.key());
            tried.is_none_or(|t| t.done_at.is_none() && t.count < WITHDRAWALS)
        })
        .collect();
    if effects.is_empty() {
        return Ok(());
    }
    Err(Decision::Act {
        effects,
        reason: format!("taking {id} out of the group's load balancers"),
        look_after: limits::CHANGE_SHOWS_PAUSE,
    })
}

/// Those that show the canary, and those that it was registered with.
fn registered(cx: &Context<'_>, id: &InstanceId) -> Result<Vec<Balancer>, Decision> {
    if !may_be_registered(cx.job) {
        return Ok(Vec::new());
    }
    let shown = match &cx.seen.targets {
        Read::Unread => {
            let reason = format!("where {id} is registered must be read first");
            return Err(cx.wait(limits::NO_PAUSE, reason));
        }
        Read::Failed(_) | Read::Absent => None,
        Read::Present(targets) => Some(targets),
    };
    let shown = shown.into_iter().flatten();
    let shown = shown.filter(|(_, t)| t.state.is_registered());
    let tried = cx.job.ledger.of_kind(is_registration);
    let tried = tried.filter_map(|(key, _)| key.registers_with());
    let mut all: Vec<Balancer> = shown
        .map(|(balancer, _)| balancer)
        .chain(tried)
        .cloned()
        .collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// Waits until the connections of a canary that was taken out have ended, as long as the window allows it.
pub(super) fn drained(cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
    let id = cx.job.instance(Role::Canary);
    let Some(id) = id.filter(|id| group.members.contains_key(*id)) else {
        return Ok(());
    };
    let targets = cx.seen.targets.present();
    let drains = |t: &TargetSeen| t.state == TargetState::Draining;
    let is_draining = targets.is_some_and(|t| t.values().any(drains));
    let out = cx
        .job
        .ledger
        .last_done(|key| matches!(key, Key::DeregisterTarget(..)));
    let since = out.or(cx.job.resumed_at).unwrap_or(cx.job.entered_at());
    let until = (since + limits::DRAIN_LIMIT).min(cx.record().deadline);
    if !is_draining || cx.now >= until {
        return Ok(());
    }
    let reason = format!("waiting until the connections of {id} have ended");
    Err(cx.wait(limits::LOOK_MAX.min(until - cx.now), reason))
}
