//! The step of every phase in every kind of situation, as a table, and the declared transitions, from which the
//! diagram in ARCHITECTURE.md is drawn. `UPDATE_EXPECT=1 cargo test --test suite transitions` rewrites the
//! table; a failing test prints the diagram.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use asg_patch::group::Code;
use asg_patch::group::automation::{Execution, Moment, Runbook, Runbooks};
use asg_patch::group::bake::{Bake, SharedImage};
use asg_patch::group::decide::{decide, needs};
use asg_patch::group::decision::{Context, Decision, Directive};
use asg_patch::group::effect::{CommandStep, Role};
use asg_patch::group::fault::{Fault, FaultClass, Read};
use asg_patch::group::job::{Devices, Forward, Job, Lapse, Ownership};
use asg_patch::group::launch::{Launch, LaunchState};
use asg_patch::group::learn::learn;
use asg_patch::group::ledger::{Key, Ledger};
use asg_patch::group::lineage::Lineage;
use asg_patch::group::measured::Measured;
use asg_patch::group::members::Members;
use asg_patch::group::names;
use asg_patch::group::options::Options;
use asg_patch::group::patch::{PatchFacts, PatchState};
use asg_patch::group::phase::Phase;
use asg_patch::group::pin::{Pin, Slot, TemplateMark};
use asg_patch::group::processes::GUARDED_PROCESSES;
use asg_patch::group::record::{Record, SCHEMA};
use asg_patch::group::seen::{
    AgentSeen, AutomationSeen, Checks, CommandSeen, CommandStatus, Ec2State, GroupSeen, ImageSeen,
    ImageState, InstanceSeen, MemberSeen, Need, PackageSeen, PatchSeen, RecordSeen, Seen,
    StoredRecord, VersionSeen,
};
use asg_patch::group::transition;
use asg_patch::ids::InstanceId;
use asg_patch::request::Operation;
use asg_patch::schedule::Capacity;
use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect_file;

/// Phases of a job that has the group launch an instance, or has just had it do so.
const LAUNCH: [Phase; 4] = [
    Phase::Launching,
    Phase::Returning,
    Phase::LaunchingCanary,
    Phase::ReturningCanary,
];
/// Phases of a job that knows its build instance.
const HAS_BUILD: [Phase; 9] = [
    Phase::Returning,
    Phase::Settling,
    Phase::Scanning,
    Phase::Patching,
    Phase::Sealing,
    Phase::Baking,
    Phase::Versioning,
    Phase::RollingBack,
    Phase::Restoring,
];
/// Phases of a job that has the image.
const HAS_IMAGE: [Phase; 6] = [
    Phase::Versioning,
    Phase::LaunchingCanary,
    Phase::ReturningCanary,
    Phase::Proving,
    Phase::Promoting,
    Phase::RunningAfter,
];
/// Phases of a job whose canary is up, launched from the new version.
const HAS_CANARY: [Phase; 4] = [
    Phase::ReturningCanary,
    Phase::Proving,
    Phase::Promoting,
    Phase::RunningAfter,
];
/// Phases in which the template has the new version.
const HAS_VERSION: [Phase; 7] = [
    Phase::LaunchingCanary,
    Phase::ReturningCanary,
    Phase::Proving,
    Phase::Promoting,
    Phase::RunningAfter,
    Phase::RollingBack,
    Phase::Restoring,
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

fn stored(record: Record) -> RecordSeen {
    RecordSeen::Readable(StoredRecord {
        record: Box::new(record),
        stored_at: None,
    })
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
        members: Some(Members::default()),
        automates: false,
        signature: None,
    }
}

/// A job of a `$Latest` group that has come to this phase.
fn job(phase: Phase) -> Job {
    let forward = Forward {
        operation: Operation::Install,
        options: Options::default(),
        image: "ami-old".into(),
        windows: false,
        bakes: true,
        measured: Measured::default(),
        devices: Devices::default(),
        lineage: Lineage::default(),
        image_created_at: None,
        reverted_from: None,
        runbooks: runbooks(),
        place: Default::default(),
    };
    let mut job = Job::planned(record(), forward, start());
    if !matches!(phase, Phase::Queued | Phase::Recording) {
        job.ownership = Ownership::Held;
    }
    job.phase = phase;
    job.history[0].phase = phase;
    if HAS_BUILD.contains(&phase) {
        job.made.asked_image = (phase == Phase::Baking).then(|| "ami-new".into());
        job.made.instances.insert(Role::Build, "i-build".into());
    }
    if HAS_CANARY.contains(&phase) {
        job.made.instances.insert(Role::Canary, "i-canary".into());
    }
    if HAS_VERSION.contains(&phase) {
        job.made.versions.insert("lt-1".into(), 4);
    }
    if HAS_IMAGE.contains(&phase) {
        job.made.image = Some("ami-new".into());
    }
    let step = match phase {
        Phase::Settling => Some((CommandStep::Ready(0), "i-build")),
        Phase::Scanning => Some((CommandStep::Scan(0), "i-build")),
        Phase::Patching => Some((CommandStep::Install(0), "i-build")),
        Phase::Sealing => Some((CommandStep::Seal, "i-build")),
        Phase::Proving => Some((CommandStep::CanaryScan, "i-canary")),
        _ => None,
    };
    if phase == Phase::Proving {
        job.made.ended.insert(CommandStep::CanaryReady);
    }
    if let Some(moment) = moment(phase) {
        done(&mut job, Key::StartAutomation(moment));
        let execution = Execution {
            id: "a-1".into(),
            end: None,
        };
        job.made.automations.insert(moment, execution);
    }
    if LAUNCH.contains(&phase) {
        job.launch = LaunchState::Open(Box::new(launch(phase)));
        done(&mut job, Key::Suspend);
        done(&mut job, Key::Update(Some(capacity(1)), None));
    }
    if HAS_VERSION.contains(&phase) {
        done(&mut job, Key::Update(None, Some(vec![pin("3")])));
    }
    if phase == Phase::Recording {
        done(&mut job, Key::StoreRecord);
    }
    if phase == Phase::Baking {
        done(&mut job, Key::CreateImage(record().image_name));
    }
    if let Some((step, instance)) = step {
        job.made.commands.insert(step, "c-1".into());
        let key = Key::Command(step, instance.into());
        done(&mut job, key);
    }
    job
}

/// Both documents, with the policies by default.
fn runbooks() -> Runbooks {
    let runbook = Some(Runbook {
        document: "Acme-Tell".into(),
        version: 1,
        role: None,
        declares: BTreeSet::new(),
    });
    Runbooks {
        before: runbook.clone(),
        after: runbook,
        ..Runbooks::default()
    }
}

/// The moment whose document is run in a phase.
fn moment(phase: Phase) -> Option<Moment> {
    match phase {
        Phase::RunningBefore => Some(Moment::Before),
        Phase::RunningAfter => Some(Moment::After),
        _ => None,
    }
}

/// The launch of a phase: the processes are suspended, and one instance more was asked for.
fn launch(phase: Phase) -> Launch {
    let role = phase.launch_role().unwrap_or(Role::Build);
    Launch {
        role,
        since: now() - TimeDelta::minutes(5),
        capacity: capacity(0),
        members: BTreeSet::new(),
        suspends: record().guarded,
        has_suspended: true,
        asked: Some(capacity(1)),
        wish: None,
        is_recovered: false,
    }
}

/// The effect of this key was done four minutes ago.
fn done(job: &mut Job, key: Key) {
    job.ledger.record(key, None, now() - TimeDelta::minutes(4));
}

/// The world in which the phase is done.
fn as_wished(job: &Job) -> Seen {
    let phase = job.phase;
    let version = match phase {
        Phase::Versioning
        | Phase::LaunchingCanary
        | Phase::ReturningCanary
        | Phase::Proving
        | Phase::Promoting => "3",
        _ => "$Latest",
    };
    let lifecycle = if phase.launches() {
        "InService"
    } else {
        "Standby"
    };
    let member = |number: u64| MemberSeen {
        lifecycle: lifecycle.into(),
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
                instance_type: None,
                platform: None,
                devices: BTreeSet::new(),
            },
        );
    };
    if phase == Phase::Launching || HAS_BUILD.contains(&phase) && !job.must_restore() {
        add("i-build", "build", 3);
    }
    if phase == Phase::LaunchingCanary || HAS_CANARY.contains(&phase) {
        add("i-canary", "canary", 4);
    }
    let agents = instances.keys().map(|id| {
        let agent = AgentSeen {
            online: true,
            last_ping: Some(now()),
        };
        (id.clone(), agent)
    });
    let suspended = if phase.launches() {
        record().guarded
    } else {
        BTreeSet::new()
    };
    let scanned = PatchSeen {
        is_scan: true,
        ended_at: now(),
        missing: 0,
        failed: 0,
        pending_reboot: 0,
        baseline: None,
    };
    let commands = job.made.commands.iter().map(|(step, id)| CommandSeen {
        id: id.clone(),
        instance: if *step == CommandStep::CanaryScan {
            "i-canary".into()
        } else {
            "i-build".into()
        },
        comment: names::command_comment(&"run-1".into(), *step),
        requested_at: now() - TimeDelta::minutes(4),
        status: CommandStatus::Success,
        detail: "Success".into(),
        output: String::new(),
    });
    let latest = if HAS_VERSION.contains(&phase) { 4 } else { 3 };
    Seen {
        asked: BTreeSet::new(),
        record: Read::Present(stored(record())),
        agents: Read::Present(agents.collect()),
        checks: Read::Present(BTreeMap::from([("i-canary".into(), Checks::Ok)])),
        targets: Read::Present(BTreeMap::new()),
        commands: Read::Present(commands.collect()),
        patches: Read::Present(BTreeMap::from([
            ("i-build".into(), scanned.clone()),
            ("i-canary".into(), scanned),
        ])),
        clock_offset: None,
        automations: Read::Present(
            moment(phase)
                .map(|moment| (moment, execution("Success")))
                .into_iter()
                .collect(),
        ),
        packages: Read::Present(Vec::new()),
        console: Read::Present("login:".into()),
        image: Read::Present(ImageSeen {
            id: "ami-new".into(),
            state: ImageState::Available,
            detail: String::new(),
            run: Some("run-1".into()),
            source_instance: Some("i-build".into()),
            gib: Some(8),
            created_at: Some(now()),
            snapshots: BTreeSet::from(["snap-new".to_owned()]),
            kept: false,
        }),
        templates: Read::Present(BTreeMap::from([(
            "lt-1".into(),
            TemplateMark { default: 1, latest },
        )])),
        versions: Read::Present(BTreeMap::from([("lt-1".into(), Vec::<VersionSeen>::new())])),
        activities: Read::Present(Vec::new()),
        hooks: Read::Present(TimeDelta::zero()),
        refresh: Read::Absent,
        actions: Read::Present(Vec::new()),
        users: Read::Present(Vec::new()),
        group: Read::Present(GroupSeen {
            capacity: capacity(i32::from(phase.launches())),
            pins: vec![pin(version)],
            suspended,
            members,
            balancers: BTreeSet::new(),
            deleting: false,
            opted_in: true,
        }),
        instances: Read::Present(instances),
    }
}

fn execution(status: &str) -> AutomationSeen {
    AutomationSeen {
        id: "a-1".into(),
        status: status.into(),
        message: String::new(),
        started_at: Some(now() - TimeDelta::minutes(4)),
    }
}

/// The world in which the phase's effect was not asked for yet.
fn nothing_yet(job: &mut Job, seen: &mut Seen) {
    job.made.commands.clear();
    job.made.automations.clear();
    seen.automations = Read::Present(BTreeMap::new());
    job.ledger = Ledger::default();
    job.launch = LaunchState::None;
    job.made.ended.clear();
    job.made.instances.remove(&Role::Canary);
    job.made.versions.clear();
    if matches!(job.phase, Phase::Queued | Phase::Recording) {
        seen.record = Read::Absent;
    }
    seen.commands = Read::Present(Vec::new());
    seen.image = Read::Absent;
    if let Read::Present(instances) = &mut seen.instances {
        instances.clear();
    }
    if let Read::Present(instances) = &mut seen.instances
        && HAS_BUILD.contains(&job.phase)
    {
        instances.insert(
            "i-build".into(),
            InstanceSeen {
                state: Ec2State::Running,
                launched_at: start() + TimeDelta::minutes(1),
                run: Some("run-1".into()),
                role: Some("build".into()),
                instance_type: None,
                platform: None,
                devices: BTreeSet::new(),
            },
        );
    }
    if let Read::Present(group) = &mut seen.group {
        group.members.clear();
        if HAS_BUILD.contains(&job.phase) {
            let standby = MemberSeen {
                lifecycle: if job.phase == Phase::Returning {
                    "InService"
                } else {
                    "Standby"
                }
                .into(),
                version: Some(("lt-1".into(), 3)),
            };
            group.members.insert("i-build".into(), standby);
        }
        group.pins = vec![pin("$Latest")];
        group.suspended = BTreeSet::new();
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
        clock_offset: None,
        group: fault(class),
        record: fault(class),
        instances: fault(class),
        agents: fault(class),
        checks: fault(class),
        console: fault(class),
        targets: fault(class),
        commands: fault(class),
        automations: fault(class),
        patches: fault(class),
        packages: fault(class),
        image: fault(class),
        templates: fault(class),
        versions: fault(class),
        activities: fault(class),
        hooks: fault(class),
        refresh: fault(class),
        actions: fault(class),
        users: fault(class),
    };
}

/// A read that was not asked for was not made.
fn forget_unasked(seen: &mut Seen, needs: &BTreeSet<Need>) {
    macro_rules! forget {
        ($($need:ident $field:ident)*) => {$(
            if !needs.contains(&Need::$need) { seen.$field = Read::Unread; }
        )*};
    }
    forget!(Group group Record record Instances instances Agents agents Checks checks Targets targets
        Commands commands Automations automations Patches patches Packages packages Image image Templates templates
        Versions versions Activities activities Hooks hooks Refresh refresh Actions actions
        Users users);
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
            job.lapses.insert(Lapse::ReadFailed, start());
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
    if phase == Phase::Scanning && situation != "image current" {
        let scanned = |state: &mut PatchSeen| state.missing = 2;
        if let Read::Present(patches) = &mut seen.patches {
            patches.values_mut().for_each(scanned);
        }
        seen.packages = Read::Present(vec![PackageSeen {
            name: "kernel".into(),
            state: PatchState::Missing,
            facts: PatchFacts::default(),
        }]);
    }
    if phase == Phase::RollingBack && situation != "nothing yet" {
        seen.image = Read::Absent;
    }
    if phase == Phase::Restoring && matches!(situation, "as wished" | "image current") {
        done(&mut job, Key::DeleteRecord);
    }
    forget_unasked(&mut seen, &needs(&job));
    learn(&mut job, &seen, now);
    let bake = Bake {
        image: if phase == Phase::RollingBack && situation != "nothing yet" {
            SharedImage::NotYet
        } else {
            SharedImage::Ready("ami-new".into())
        },
        versions: if situation == "as wished" && HAS_IMAGE.contains(&phase) {
            BTreeMap::from([("lt-1".into(), 4)])
        } else {
            BTreeMap::new()
        },
        makes_versions: true,
        ..Bake::default()
    };
    let decision = decide(&Context {
        job: &job,
        seen: &seen,
        bake: &bake,
        peers: 1,
        now,
        directive,
    });
    let text = match &decision {
        Decision::Wait { .. } => "wait".to_owned(),
        Decision::Act { effects, .. } => {
            let keys: Vec<String> = effects.iter().map(|e| e.key().to_string()).collect();
            let verbs: BTreeSet<&str> = keys
                .iter()
                .map(|k| k.split(' ').next().unwrap_or_default())
                .collect();
            let verbs: Vec<&str> = verbs.into_iter().collect();
            format!("do {}", verbs.join("+"))
        }
        Decision::Go { to, .. } => format!("-> {to}"),
        Decision::Stand => "-> restoring: it stands".into(),
        Decision::Fail(failure) => failure.code.to_string(),
        Decision::Finish { outcome, .. } => format!("end {outcome}"),
        Decision::Yield(failure) => format!("yield {}", failure.code),
    };
    transition::apply(&mut job, decision, now);
    let next = (job.phase != phase).then_some(job.phase);
    match (&next, text.starts_with("AP-")) {
        (Some(next), true) => (format!("{text} -> {next}"), Some(*next)),
        _ => (text, next),
    }
}

#[test]
fn every_phase_has_an_answer_in_every_situation() {
    let mut table = format!("{:<17}", "");
    for situation in SITUATIONS {
        let _ = write!(table, "| {situation:<25}");
    }
    table.push('\n');
    for phase in Phase::ALL {
        let _ = write!(table, "{phase:<17}");
        for situation in SITUATIONS {
            let (text, _) = decided(phase, situation);
            let _ = write!(table, "| {text:<25}");
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    expect_file!["../transitions.expected"].assert_eq(&table);
}

/// Every step that the table shows is a declared one.
#[test]
fn the_table_takes_declared_ways() {
    for phase in Phase::ALL {
        for situation in SITUATIONS {
            if let (text, Some(next)) = decided(phase, situation) {
                let declared = phase.leads_to(next);
                assert!(declared, "{phase}, {situation}: {text}");
            }
        }
    }
    assert!(!Phase::Launching.leads_to(Phase::Promoting));
    assert!(!Phase::Finished.leads_to(Phase::Finished));
}

/// The diagram in ARCHITECTURE.md is drawn from the declared transitions.
#[test]
fn the_diagram_is_drawn_from_the_declaration() {
    let ways: BTreeSet<(Phase, Phase)> = Phase::ways().into_iter().collect();
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n");
    for (from, to) in ways {
        let _ = writeln!(diagram, "    {from} --> {to}");
    }
    diagram.push_str("```\n");
    let page = include_str!("../../ARCHITECTURE.md");
    assert!(
        page.contains(&diagram),
        "ARCHITECTURE.md must hold this diagram:\n{diagram}"
    );
}

/// While the job waited, the group was restored and another run recorded it. Resuming that run's suspended
/// processes, or deleting its record, would leave the group changed without a record of it.
#[test]
fn a_restoring_job_yields_to_the_next_run() {
    for phase in [Phase::RollingBack, Phase::Restoring] {
        let mut job = job(phase);
        let mut seen = as_wished(&job);
        let next = Record {
            run_id: "run-2".into(),
            owner: "another".into(),
            ..record()
        };
        seen.record = Read::Present(stored(next));
        forget_unasked(&mut seen, &needs(&job));
        learn(&mut job, &seen, now());
        let decision = decide(&Context {
            job: &job,
            seen: &seen,
            bake: &Bake::default(),
            peers: 1,
            now: now(),
            directive: Directive::default(),
        });
        let yields = matches!(&decision, Decision::Yield(f) if f.code == Code::TakenOver);
        assert!(yields, "{phase}: {decision:?}");
    }
}

/// A record lists the group's instances by the ends of their ids, or none for want of room: then times tell.
#[test]
fn an_instance_was_there_if_the_record_lists_it_or_if_it_is_older() {
    let [old, new] = ["i-0123456789abcdef", "i-0123456789abcde0"].map(InstanceId::from);
    let seen = |after: i64| InstanceSeen {
        state: Ec2State::Running,
        launched_at: start() + TimeDelta::seconds(after),
        run: None,
        role: None,
        instance_type: None,
        platform: None,
        devices: BTreeSet::new(),
    };
    let listing = Job::from_record(record().listing([&old]), now());
    for instance in [None, Some(seen(-60)), Some(seen(60))] {
        assert_eq!(listing.was_there(&old, instance.as_ref()), Some(true));
        assert_eq!(listing.was_there(&new, instance.as_ref()), Some(false));
    }
    let none = Record {
        members: None,
        signature: None,
        ..record()
    };
    let none = Job::from_record(none, now());
    assert_eq!(none.was_there(&old, Some(&seen(-60))), Some(true));
    assert_eq!(none.was_there(&new, Some(&seen(60))), Some(false));
    assert_eq!(none.was_there(&new, None), None);
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
            forget_unasked(&mut seen, &needs(&job));
            learn(&mut job, &seen, at);
            decide(&Context {
                job: &job,
                seen: &seen,
                bake: &Bake::default(),
                peers: 1,
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

/// The effects of a job that sees this, by key; none if it waits or goes on.
fn effects(job: &mut Job, mut seen: Seen, bake: &Bake) -> Vec<String> {
    forget_unasked(&mut seen, &needs(job));
    learn(job, &seen, now());
    let decision = decide(&Context {
        job,
        seen: &seen,
        bake,
        peers: 1,
        now: now(),
        directive: Directive::default(),
    });
    let keys = match &decision {
        Decision::Act { effects, .. } => effects.iter().map(|e| e.key().to_string()).collect(),
        _ => Vec::new(),
    };
    transition::apply(job, decision, now());
    keys
}

/// The group that makes a version terminates its build instance along with that. Where another group of the bake has made
/// it, the build instance leaves before the canary is asked for all the same: it may count against the maximum.
#[test]
fn the_build_instance_leaves_before_the_canary_of_another_groups_version() {
    let mut job = job(Phase::Versioning);
    done(&mut job, Key::Update(None, Some(vec![pin("3")])));
    let with_build = as_wished(&job);
    let bake = Bake {
        image: SharedImage::Ready("ami-new".into()),
        versions: BTreeMap::from([("lt-1".into(), 4)]),
        makes_versions: false,
        ..Bake::default()
    };
    assert!(effects(&mut job, with_build.clone(), &bake).is_empty());
    assert_eq!(job.phase, Phase::LaunchingCanary);
    let leaves = ["terminate i-build"];
    assert_eq!(effects(&mut job, with_build.clone(), &bake), leaves);
    done(&mut job, Key::Terminate("i-build".into()));
    let mut leaving = with_build;
    if let Read::Present(group) = &mut leaving.group {
        let build = group.members.get_mut("i-build").unwrap();
        build.lifecycle = "Terminating".into();
    }
    let asks = ["update capacity 0-2-1 pins lt-1:4"];
    assert_eq!(effects(&mut job, leaving, &bake), asks);
}
