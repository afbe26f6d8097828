//! Launching: done when the instance that we asked the group for is in service and tagged. Of a canary, the
//! group names the new version only until it has launched from it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::super::decision::{Context, Decided, Decision, failed, go};
use super::super::effect::{Effect, PinChange, Role};
use super::super::job::Job;
use super::super::launch::Launch;
use super::super::pin::Pin;
use super::super::seen::{Ec2State, GroupSeen, Need};
use super::super::{Code, Phase, limits};
use super::launch::{self, Candidate};
use super::versioning;
use crate::schedule::Capacity;

pub(super) fn needs(job: &Job) -> BTreeSet<Need> {
    let mut needs = BTreeSet::from([Need::Group, Need::Instances]);
    let is_late = match launch::asked_at(job) {
        Some(at) => job.wake_at - at >= limits::ACTIVITIES_AFTER,
        // It may only have waited for its turn.
        None => job.wake_at - job.entered_at() >= limits::LOOK_WIDER_AFTER,
    };
    if is_late {
        needs.insert(Need::Activities);
    }
    if launch::needs_hooks(job, job.wake_at) {
        needs.insert(Need::Hooks);
    }
    needs
}

pub(super) fn decide(cx: &Context<'_>, role: Role) -> Decided {
    let (group, instances) = (cx.group()?, cx.instances()?);
    if launch::needs_hooks(cx.job, cx.now) {
        cx.read(&cx.seen.hooks, "the launch hooks")?;
    }
    let launch = cx.launch()?;
    let pins = Pins::of(cx, role);
    pins.check(cx, group)?;
    match launch::ours(cx.job, launch, group, instances) {
        Some(ours) => arriving(cx, group, &pins, ours, role),
        None => ask(cx, group, launch, &pins, role),
    }
}

/// When the capacity was asked for: the call may have waited long for its turn.
fn asked_at(cx: &Context<'_>) -> DateTime<Utc> {
    launch::asked_at(cx.job).unwrap_or(cx.job.entered_at())
}

/// The codes of a launch that AWS refused, and of one that came too late.
fn codes(role: Role) -> (Code, Code) {
    match role {
        Role::Build => (Code::LaunchFailed, Code::LaunchTimeout),
        Role::Canary => (Code::CanaryRefused, Code::CanaryNotUp),
    }
}

/// The pins during a launch.
struct Pins {
    /// As the group names its versions before and after the launch.
    own: Vec<Pin>,
    /// As it names them until the instance has been launched.
    launched: Vec<Pin>,
}

impl Pins {
    fn of(cx: &Context<'_>, role: Role) -> Self {
        let record = cx.record();
        match role {
            Role::Build => Self {
                own: record.pins.clone(),
                launched: record.pins.clone(),
            },
            Role::Canary => Self {
                own: versioning::hold_pins(record),
                launched: versioning::new_pins(record, &versioning::versions(cx)),
            },
        }
    }

    /// Pins that someone else set stand.
    fn check(&self, cx: &Context<'_>, group: &GroupSeen) -> Result<(), Decision> {
        if group.pins == self.own || group.pins == self.launched {
            return Ok(());
        }
        cx.settled("whether we pointed the group elsewhere will show")?;
        Err(versioning::pointed_elsewhere(group))
    }

    /// The change from what the group names now; `None` if it is so already.
    fn change(group: &GroupSeen, to: &[Pin]) -> Option<PinChange> {
        (group.pins != to).then(|| PinChange {
            expected: group.pins.clone(),
            to: to.to_vec(),
        })
    }
}

/// Asks the group for one instance more.
fn ask(cx: &Context<'_>, group: &GroupSeen, launch: &Launch, pins: &Pins, role: Role) -> Decided {
    let awaited = |since| Ok(launch::awaited(cx, since, codes(role)));
    let Some(asked) = launch.asked else {
        if group.counted() < group.capacity.desired {
            // Which of the instances that come up is ours could not be told.
            return awaited(cx.job.entered_at());
        }
        // A canary takes the build instance's place: one that is still there may count against the maximum.
        if let Some(leaves) = versioning::build_goes(cx).filter(|_| role == Role::Canary) {
            let reason = "terminating the build instance, whose image is there";
            return Ok(cx.act(leaves, limits::NO_PAUSE, reason));
        }
        suspend(cx, group, launch)?;
        return Ok(raise(cx, group, launch.one_more(), pins, role));
    };
    // The last try may have failed: then nobody has taken back what was asked for.
    let tried = cx.job.ledger.last_of(super::is_resize);
    let has_failed = tried.is_some_and(|t| t.fault.is_some());
    if has_failed && group.capacity == launch.capacity {
        return Ok(raise(cx, group, asked, pins, role));
    }
    // The group tries again, but a second one would not come from the version that is to be proved.
    if let (Role::Canary, Some(id)) = (role, cx.job.instance(role)) {
        let reason = format!("{id} was terminated before it was in service");
        return Ok(failed(Code::CanaryNotUp, reason));
    }
    let asked_at = asked_at(cx);
    let is_taken_back = group.capacity.desired < asked.desired;
    if is_taken_back && cx.since(asked_at) >= limits::CHANGE_SHOWS_LIMIT {
        return launch::scaled_in(launch, group);
    }
    awaited(asked_at)
}

fn raise(
    cx: &Context<'_>,
    group: &GroupSeen,
    capacity: Capacity,
    pins: &Pins,
    role: Role,
) -> Decision {
    let effect = Effect::Update {
        capacity: Some(capacity),
        pins: Pins::change(group, &pins.launched),
    };
    let reason = format!(
        "capacity {capacity}: one instance more, for the {}",
        role.as_str()
    );
    cx.act(effect, cx.first_look(limits::LAUNCH_SHOWS_PAUSE), reason)
}

/// Suspends what could disturb the launch. What someone else resumes stays resumed.
fn suspend(cx: &Context<'_>, group: &GroupSeen, launch: &Launch) -> Result<(), Decision> {
    let missing: Vec<String> = launch
        .suspends
        .difference(&group.suspended)
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let effect = Effect::Suspend(missing);
    let tried = cx.job.ledger.get(&effect.key());
    // A try without an answer is made again: suspending twice is suspending once.
    if launch.has_suspended && tried.is_some_and(|t| t.fault.is_none()) {
        if cx.is_fresh(&effect) {
            return Err(cx.wait(
                limits::CHANGE_SHOWS_PAUSE,
                "waiting until the suspended processes are shown",
            ));
        }
        return Ok(());
    }
    Err(cx.act(
        effect,
        limits::NO_PAUSE,
        "suspending the processes that could disturb the launch",
    ))
}

/// The instance is there: tag it, name the old version again, and wait until it is in service.
fn arriving(
    cx: &Context<'_>,
    group: &GroupSeen,
    pins: &Pins,
    ours: Candidate<'_>,
    role: Role,
) -> Decided {
    let Candidate {
        id,
        member,
        instance,
    } = ours;
    let tag = Effect::TagInstance {
        instance: id.clone(),
        role,
    };
    let is_tagged =
        cx.job.done_at(&tag).is_some() || instance.role.as_deref() == Some(role.as_str());
    let back = Effect::Update {
        capacity: None,
        pins: Pins::change(group, &pins.own),
    };
    let names_own = group.pins == pins.own;
    let mut effects = Vec::new();
    if !is_tagged {
        effects.push(tag);
    }
    // The same change may have held the group before the launch.
    let done_at = cx
        .job
        .done_at(&back)
        .filter(|at| *at >= cx.job.entered_at());
    let is_asked = cx.is_fresh(&back) && done_at > launch::asked_at(cx.job);
    if !names_own && !is_asked {
        effects.push(back);
    }
    if !effects.is_empty() {
        let reason = format!(
            "{id} is {}: tagging it as the {}",
            member.lifecycle,
            role.as_str()
        );
        return Ok(Decision::Act {
            effects,
            reason,
            look_after: limits::CHANGE_SHOWS_PAUSE,
        });
    }
    if !names_own {
        return Ok(cx.wait(
            limits::CHANGE_SHOWS_PAUSE,
            "waiting until the group shows its launch template",
        ));
    }
    let is_up = member.in_service() && instance.state == Ec2State::Running;
    if is_up || member.on_standby() || member.entering_standby() {
        let next = match role {
            Role::Build => Phase::Returning,
            Role::Canary => Phase::ReturningCanary,
        };
        return Ok(go(next, format!("{id} is in service")));
    }
    let asked_at = asked_at(cx);
    if cx.since(asked_at) > launch::launch_limit(cx.job) {
        return Ok(launch::awaited(cx, asked_at, codes(role)));
    }
    let reason = format!("{id} is {}", member.lifecycle);
    Ok(cx.wait(cx.pause(limits::LOOK_MIN), reason))
}
