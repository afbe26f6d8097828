//! What every phase does in every kind of situation, as a table; and the diagram in ARCHITECTURE.md, which
//! is drawn from it. `UPDATE_EXPECT=1 cargo test --test suite transitions` rewrites the table;
//! the diagram's text is printed by the failing test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use asg_patch::group::Outcome;
use asg_patch::group::budget::Measured;
use asg_patch::group::decide::{self, Context, Decision, Directive};
use asg_patch::group::effect::{CommandStep, Role};
use asg_patch::group::fault::{Fault, FaultClass, Read};
use asg_patch::group::job::{Forward, Job, Try};
use asg_patch::group::names;
use asg_patch::group::options::Options;
use asg_patch::group::phase::{GUARDED_PROCESSES, Phase};
use asg_patch::group::pin::{Pin, Slot, TemplateMark};
use asg_patch::group::record::{Record, SCHEMA};
use asg_patch::group::seen::{
    AgentSeen, Checks, CommandSeen, CommandStatus, Ec2State, GroupSeen, ImageSeen, ImageState,
    InstanceSeen, Member, Need, PatchSeen, RecordSeen, Seen, VersionSeen,
};
use asg_patch::group::unit::{SharedImage, Unit};
use asg_patch::ids::InstanceId;
use asg_patch::request::Operation;
use asg_patch::schedule::Capacity;
use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect_file;

const PHASES: [Phase; 14] = [
    Phase::Queued,
    Phase::Recording,
    Phase::Guarding,
    Phase::Waking,
    Phase::Patching,
    Phase::Scanning,
    Phase::Sealing,
    Phase::Baking,
    Phase::Versioning,
    Phase::Proving,
    Phase::Promoting,
    Phase::RollingBack,
    Phase::Restoring,
    Phase::Finished,
];

const SITUATIONS: [&str; 9] = [
    "as wished",
    "image current",
    "nothing yet",
    "reads fail",
    "reads denied",
    "group gone",
    "opted out",
    "stop ordered",
    "no time left",
];

fn start() -> DateTime<Utc> {
    "2026-10-14T04:00:00Z".parse().unwrap()
}

fn now() -> DateTime<Utc> {
    start() + TimeDelta::minutes(10)
}

fn capacity(desired: i32) -> Capacity {
    Capacity {
        min: 0,
        max: 2,
        desired,
    }
}

fn pin(version: &str) -> Pin {
    Pin {
        slot: Slot::Template,
        template: "lt-1".into(),
        version: version.into(),
    }
}

fn record() -> Record {
    Record {
        schema: SCHEMA,
        group: "web".into(),
        run_id: "run-1".into(),
        owner: "test".into(),
        written_at: start(),
        deadline: start() + TimeDelta::hours(3),
        capacity: capacity(0),
        suspended: BTreeSet::new(),
        guarded: GUARDED_PROCESSES.iter().map(|p| (*p).to_owned()).collect(),
        pins: vec![pin("$Latest")],
        templates: BTreeMap::from([(
            "lt-1".into(),
            TemplateMark {
                default: 1,
                latest: 3,
            },
        )]),
        actions: Vec::new(),
        image_name: "asg-patch/web".into(),
        bake_key: "key".into(),
    }
}

/// A job of a `$Latest` group that has come to this phase.
fn job(phase: Phase) -> Job {
    let forward = Forward {
        operation: Operation::Install,
        options: Options::default(),
        image: "ami-old".into(),
        windows: false,
        hook_seconds: 0,
        bakes: true,
        measured: Measured::default(),
    };
    let mut job = Job::planned(record(), forward, start());
    job.recorded = phase > Phase::Recording;
    job.phase = phase;
    job.history[0].phase = phase;
    let came_to = |p: Phase| phase >= p && phase <= Phase::Promoting;
    if came_to(Phase::Patching) {
        job.made.instances.insert(Role::Build, "i-build".into());
    }
    if came_to(Phase::Proving) {
        job.made.instances.insert(Role::Canary, "i-canary".into());
        job.made.versions.insert("lt-1".into(), 4);
    }
    if came_to(Phase::Versioning) {
        job.made.image = Some("ami-new".into());
    }
    let step = match phase {
        Phase::Patching => Some((CommandStep::Install, "i-build")),
        Phase::Scanning => Some((CommandStep::Scan, "i-build")),
        Phase::Sealing => Some((CommandStep::Seal, "i-build")),
        Phase::Proving => Some((CommandStep::CanaryScan, "i-canary")),
        _ => None,
    };
    if phase > Phase::Guarding {
        job.tries.insert("suspend".into(), done());
    }
    if phase == Phase::Restoring {
        let key = "resume ScheduledActions".to_owned();
        job.tries.insert(key, done());
    }
    if phase >= Phase::Versioning {
        job.tries.insert("set-pins lt-1:2".into(), done());
    }
    if let Some((step, instance)) = step {
        job.made.commands.insert(step, "c-1".into());
        let key = format!("command {} {instance}", step.as_str());
        job.tries.insert(key, done());
    }
    job
}

/// An effect that was done four minutes ago.
fn done() -> Try {
    let at = now() - TimeDelta::minutes(4);
    Try {
        first_at: at,
        last_at: at,
        count: 1,
        done_at: Some(at),
        fault: None,
    }
}

/// The world in which the phase is done.
fn as_wished(job: &Job) -> Seen {
    let phase = job.phase;
    let wakes = (Phase::Waking..=Phase::Promoting).contains(&phase);
    let version = match phase {
        Phase::Versioning => "3",
        Phase::Proving => "4",
        _ => "$Latest",
    };
    let member = |number: u64| Member {
        lifecycle: "InService".into(),
        healthy: true,
        protected: true,
        version: Some(("lt-1".into(), number)),
    };
    let mut members = BTreeMap::new();
    let mut instances: BTreeMap<InstanceId, InstanceSeen> = BTreeMap::new();
    let mut add = |id: &str, role: &str, number: u64| {
        members.insert(id.into(), member(number));
        instances.insert(
            id.into(),
            InstanceSeen {
                state: Ec2State::Running,
                launched_at: start() + TimeDelta::minutes(1),
                run: Some("run-1".into()),
                role: Some(role.into()),
            },
        );
    };
    if wakes && phase <= Phase::Baking {
        add("i-build", "build", 3);
    }
    if wakes && phase >= Phase::Proving {
        add("i-canary", "canary", 4);
    }
    let agents = instances.keys().map(|id| {
        let agent = AgentSeen {
            online: true,
            last_ping: Some(now()),
        };
        (id.clone(), agent)
    });
    let suspended = match phase {
        Phase::Restoring | Phase::Recording => BTreeSet::new(),
        _ => record().guarded,
    };
    let scanned = PatchSeen {
        is_scan: true,
        ended_at: now(),
        missing: 0,
        failed: 0,
        pending_reboot: 0,
    };
    let commands = job.made.commands.iter().map(|(step, id)| CommandSeen {
        id: id.clone(),
        instance: if *step == CommandStep::CanaryScan {
            "i-canary".into()
        } else {
            "i-build".into()
        },
        comment: names::command_comment(&"run-1".into(), step.as_str()),
        requested_at: now() - TimeDelta::minutes(4),
        status: CommandStatus::Success,
        detail: "Success".into(),
    });
    let latest = if phase >= Phase::Proving { 4 } else { 3 };
    Seen {
        asked: BTreeSet::new(),
        record: Read::Present(RecordSeen::Readable(Box::new(record()))),
        agents: Read::Present(agents.collect()),
        checks: Read::Present(BTreeMap::from([("i-canary".into(), Checks::Ok)])),
        commands: Read::Present(commands.collect()),
        patches: Read::Present(BTreeMap::from([
            ("i-build".into(), scanned.clone()),
            ("i-canary".into(), scanned),
        ])),
        packages: Read::Present(vec![("kernel".into(), Some(now()))]),
        image: Read::Present(ImageSeen {
            id: "ami-new".into(),
            state: ImageState::Available,
            detail: String::new(),
            run: Some("run-1".into()),
        }),
        templates: Read::Present(BTreeMap::from([(
            "lt-1".into(),
            TemplateMark { default: 1, latest },
        )])),
        versions: Read::Present(BTreeMap::from([("lt-1".into(), Vec::<VersionSeen>::new())])),
        activities: Read::Present(Vec::new()),
        actions: Read::Present(Vec::new()),
        users: Read::Present(Vec::new()),
        group: Read::Present(GroupSeen {
            capacity: capacity(i32::from(wakes)),
            pins: vec![pin(version)],
            suspended,
            members,
            deleting: false,
            opted_in: true,
        }),
        instances: Read::Present(instances),
    }
}

/// The world in which the phase's effect was not asked for yet.
fn nothing_yet(job: &mut Job, seen: &mut Seen) {
    job.made.commands.clear();
    job.tries.retain(|k, _| k == "suspend");
    job.made.instances.remove(&Role::Canary);
    job.made.versions.clear();
    seen.record = Read::Absent;
    seen.commands = Read::Present(Vec::new());
    seen.image = Read::Absent;
    if let Read::Present(instances) = &mut seen.instances {
        instances.clear();
    }
    if job.phase < Phase::Patching {
        job.made.instances.clear();
    }
    if let Read::Present(instances) = &mut seen.instances
        && job.phase >= Phase::Patching
    {
        instances.insert(
            "i-build".into(),
            InstanceSeen {
                state: Ec2State::Running,
                launched_at: start() + TimeDelta::minutes(1),
                run: Some("run-1".into()),
                role: Some("build".into()),
            },
        );
    }
    if let Read::Present(group) = &mut seen.group {
        group.members.clear();
        group.pins = vec![pin("$Latest")];
        group.suspended = if job.phase > Phase::Guarding {
            record().guarded
        } else {
            BTreeSet::new()
        };
        group.capacity = capacity(0);
        if job.phase == Phase::RollingBack {
            group.pins = vec![pin("3")];
        }
    }
}

fn fail_all(seen: &mut Seen, class: FaultClass) {
    fn fault<T>(class: FaultClass) -> Read<T> {
        Read::Failed(Fault {
            operation: "x:Describe".into(),
            code: format!("{class:?}"),
            message: String::new(),
            class,
        })
    }
    *seen = Seen {
        asked: BTreeSet::new(),
        group: fault(class),
        record: fault(class),
        instances: fault(class),
        agents: fault(class),
        checks: fault(class),
        commands: fault(class),
        patches: fault(class),
        packages: fault(class),
        image: fault(class),
        templates: fault(class),
        versions: fault(class),
        activities: fault(class),
        actions: fault(class),
        users: fault(class),
    };
}

/// What was not asked for was not read.
fn forget_unasked(seen: &mut Seen, needs: &BTreeSet<Need>) {
    macro_rules! forget {
        ($($need:ident $field:ident)*) => {$(
            if !needs.contains(&Need::$need) { seen.$field = Read::Unread; }
        )*};
    }
    forget!(Group group Record record Instances instances Agents agents Checks checks
        Commands commands Patches patches Packages packages Image image Templates templates
        Versions versions Activities activities Actions actions Users users);
    seen.asked = needs.clone();
}

fn decided(phase: Phase, situation: &str) -> (String, Option<Phase>) {
    let mut job = job(phase);
    let mut seen = as_wished(&job);
    let mut now = now();
    let mut directive = Directive::default();
    match situation {
        "nothing yet" => nothing_yet(&mut job, &mut seen),
        "reads fail" => fail_all(&mut seen, FaultClass::Throttled),
        "reads denied" => {
            fail_all(&mut seen, FaultClass::Denied);
            // Since long: a permission may have been granted only a moment ago.
            job.blind_since = Some(start());
        }
        "group gone" => seen.group = Read::Absent,
        "opted out" => {
            if let Read::Present(group) = &mut seen.group {
                group.opted_in = false;
            }
        }
        "stop ordered" => directive.restore = true,
        "no time left" => now = start() + TimeDelta::minutes(170),
        _ => {}
    }
    if phase == Phase::Scanning && matches!(situation, "as wished" | "image current") {
        job.evidence.scanned = true;
    }
    if situation == "image current" {
        seen.packages = Read::Present(Vec::new());
    }
    if phase == Phase::RollingBack && situation != "nothing yet" {
        seen.image = Read::Absent;
    }
    if phase == Phase::Restoring && situation != "nothing yet" {
        job.tries.insert("delete-record".into(), done());
    }
    forget_unasked(&mut seen, &decide::needs(&job));
    decide::learn(&mut job, &seen, now);
    let unit = Unit {
        image: if phase == Phase::RollingBack && situation != "nothing yet" {
            SharedImage::NotYet
        } else {
            SharedImage::Ready("ami-new".into())
        },
        versions: if situation == "as wished"
            && (Phase::Versioning..=Phase::Promoting).contains(&phase)
        {
            BTreeMap::from([("lt-1".into(), 4)])
        } else {
            BTreeMap::new()
        },
        makes_versions: true,
        ..Unit::default()
    };
    let decision = decide::decide(&Context {
        job: &job,
        seen: &seen,
        unit: &unit,
        now,
        directive,
    });
    let text = match &decision {
        Decision::Wait { .. } => "wait".to_owned(),
        Decision::Act { effects, .. } => {
            let keys: Vec<String> = effects
                .iter()
                .map(asg_patch::group::effect::Effect::key)
                .collect();
            let verbs: BTreeSet<&str> = keys
                .iter()
                .map(|k| k.split(' ').next().unwrap_or_default())
                .collect();
            let verbs: Vec<&str> = verbs.into_iter().collect();
            format!("do {}", verbs.join("+"))
        }
        Decision::Go { to, .. } => format!("-> {to}"),
        Decision::Fail(failure) => failure.code.to_string(),
        Decision::Finish { outcome, .. } => format!("end {outcome}"),
    };
    decide::apply(&mut job, decision, now);
    let next = (job.phase != phase).then_some(job.phase);
    match (&next, text.starts_with("AP-")) {
        (Some(next), true) => (format!("{text} -> {next}"), Some(*next)),
        _ => (text, next),
    }
}

#[test]
fn every_phase_has_an_answer_in_every_situation() {
    let mut table = format!("{:<14}", "");
    for situation in SITUATIONS {
        let _ = write!(table, "| {situation:<25}");
    }
    table.push('\n');
    for phase in PHASES {
        let _ = write!(table, "{phase:<14}");
        for situation in SITUATIONS {
            let (text, _) = decided(phase, situation);
            let _ = write!(table, "| {text:<25}");
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    expect_file!["../transitions.expected"].assert_eq(&table);
}

/// The diagram in ARCHITECTURE.md between the markers is the one that the table yields.
#[test]
fn the_diagram_is_drawn_from_the_table() {
    let mut edges: BTreeSet<(Phase, Phase)> = BTreeSet::new();
    for phase in PHASES {
        for situation in SITUATIONS {
            if let (_, Some(next)) = decided(phase, situation) {
                edges.insert((phase, next));
            }
        }
    }
    // Admission is the run's, not the group's.
    edges.insert((Phase::Queued, Phase::Recording));
    edges.insert((Phase::Queued, Phase::Finished));
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n");
    for (from, to) in edges {
        let _ = writeln!(diagram, "    {from} --> {to}");
    }
    diagram.push_str("```\n");
    let page = include_str!("../../ARCHITECTURE.md");
    assert!(
        page.contains(&diagram),
        "ARCHITECTURE.md must hold this diagram:\n{diagram}"
    );
}

/// While it waited, somebody restored the group and another run recorded it: resuming what that one
/// suspended, or deleting its record, would leave the group changed with nothing to tell of it.
#[test]
fn who_returns_a_group_gives_way_to_the_next_run() {
    for phase in [Phase::RollingBack, Phase::Restoring] {
        let mut job = job(phase);
        let mut seen = as_wished(&job);
        let next = Record {
            run_id: "run-2".into(),
            owner: "somebody".into(),
            ..record()
        };
        seen.record = Read::Present(RecordSeen::Readable(Box::new(next)));
        if let Read::Present(group) = &mut seen.group {
            group.suspended = record().guarded;
        }
        forget_unasked(&mut seen, &decide::needs(&job));
        decide::learn(&mut job, &seen, now());
        let decision = decide::decide(&Context {
            job: &job,
            seen: &seen,
            unit: &Unit::default(),
            now: now(),
            directive: Directive::default(),
        });
        let gives_way = matches!(
            decision,
            Decision::Finish {
                outcome: Outcome::Failed,
                ..
            }
        );
        assert!(gives_way, "{phase}: {decision:?}");
    }
}

/// One answer without the group, or without the image, is looked at twice, however long the phase lasts.
#[test]
fn what_is_not_listed_once_is_looked_for_again() {
    for phase in [Phase::Restoring, Phase::RollingBack, Phase::Promoting] {
        let mut job = job(phase);
        job.history[0].at = start();
        let mut seen = as_wished(&job);
        match phase {
            Phase::Promoting => seen.image = Read::Absent,
            _ => seen.group = Read::Absent,
        }
        let mut look = |at| {
            let mut seen = seen.clone();
            forget_unasked(&mut seen, &decide::needs(&job));
            decide::learn(&mut job, &seen, at);
            decide::decide(&Context {
                job: &job,
                seen: &seen,
                unit: &Unit::default(),
                now: at,
                directive: Directive::default(),
            })
        };
        let first = look(now());
        assert!(matches!(first, Decision::Wait { .. }), "{phase}: {first:?}");
        let second = look(now() + TimeDelta::minutes(1));
        assert!(
            !matches!(second, Decision::Wait { .. }),
            "{phase}: {second:?}"
        );
    }
}
