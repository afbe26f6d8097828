//! Stories from seeds.

use asg_patch::sim::beliefs::Beliefs;

use super::{Event, Group, Story};

struct Dice(fastrand::Rng);

impl Dice {
    fn often(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.usize(..of.len())]
    }
}

const OPERATIONS: [&str; 20] = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:SuspendProcesses",
    "autoscaling:ResumeProcesses",
    "autoscaling:SetInstanceProtection",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "ec2:CreateTags",
    "ec2:CreateImage",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:DeleteLaunchTemplateVersions",
    "ec2:DeregisterImage",
    "ec2:ModifyLaunchTemplate",
    "ssm:SendCommand",
    "ssm:ListCommandInvocations",
    "ssm:PutParameter",
    "ssm:DeleteParameter",
    "ssm:GetParameters",
    "ssm:DescribeInstancePatchStates",
];

pub(super) fn story(seed: u64) -> Story {
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    let mut flags = Vec::new();
    if dice.often(15) {
        flags.push(format!("--max-in-flight {}", 1 + dice.0.u32(..2)));
    }
    if dice.often(10) {
        flags.push("--max-failures 0".into());
    }
    if dice.often(10) {
        flags.push(format!("--duration {}m", 70 + dice.0.u32(..60)));
        flags.push("--cutoff 20m".into());
    }
    if dice.often(10) {
        let when = dice.one(&[
            "ssm:SendCommand",
            "ec2:CreateImage",
            "ec2:CreateLaunchTemplateVersion",
        ]);
        flags.push(format!("ctrl-c-on {when}"));
    }
    let count = 1 + dice.0.usize(..4);
    let mut groups: Vec<Group> = (0..count).map(|n| group(&mut dice, n)).collect();
    let faults = (0..dice.0.usize(..4)).map(|_| fault(&mut dice)).collect();
    let events = if dice.often(35) {
        (0..1 + dice.0.usize(..2))
            .map(|_| event(&mut dice, &groups))
            .collect()
    } else {
        Vec::new()
    };
    // With dice of its own: the other stories stay as they are.
    let mut own = Dice(fastrand::Rng::with_seed(!seed));
    groups.iter_mut().for_each(|g| documents(&mut own, g));
    Story {
        seed,
        clock_offset_seconds: dice.0.i64(-120..=20),
        beliefs: beliefs(seed),
        flags,
        groups,
        faults,
        events,
    }
}

/// The drawn variants, without those that are the default.
fn beliefs(seed: u64) -> Vec<(&'static str, &'static str)> {
    let default = Beliefs::default().chosen();
    let mut drawn = Beliefs::drawn(seed).chosen();
    drawn.retain(|choice| !default.contains(choice));
    drawn
}

fn group(dice: &mut Dice, n: usize) -> Group {
    let template = if n > 0 && dice.often(35) { n - 1 } else { n };
    let desired = if dice.often(35) {
        1 + dice.0.i32(0..2)
    } else {
        0
    };
    let min = if dice.often(60) { 0 } else { desired };
    let max = if dice.often(25) {
        desired
    } else {
        desired + 1 + dice.0.i32(0..3)
    };
    let mut lines = vec![format!("min = {min}\nmax = {max}\ndesired = {desired}")];
    let mut tables = Vec::new();
    let version = dice.one(&["\"$Latest\"", "\"$Default\"", "2"]);
    if dice.often(15) {
        tables.push(format!(
            "[groups.mixed]\ntemplate = \"t{template}\"\nversion = {version}\noverrides = [{{ instance_type = \"t3.small\" }}, {{ instance_type = \"t3.medium\", template = \"t{template}\", version = {version} }}]"
        ));
    } else {
        lines.push(format!("template = \"t{template}\"\nversion = {version}"));
    }
    let mut tags = vec!["\"ep:asg:patch\" = \"true\"".to_owned()];
    for (percent, tag) in [
        (10, "\"ep:asg:patch:canary\" = \"off\""),
        (10, "\"ep:asg:patch:seal\" = \"off\""),
        (10, "\"ep:asg:patch:image\" = \"reboot\""),
        (15, "\"ep:asg:patch:wave\" = \"1\""),
    ] {
        if dice.often(percent) {
            tags.push(tag.into());
        }
    }
    if dice.often(5) {
        tags.remove(0);
    }
    lines.push(format!("tags = {{ {} }}", tags.join(", ")));
    if dice.often(25) {
        lines.push(format!(
            "target_groups = [\"g{n}\"]\nhealth_check = \"EC2,ELB\"\ndrain_seconds = 60"
        ));
    }
    if dice.often(20) {
        lines.push(format!(
            "suspended = [\"{}\"]",
            dice.one(&[
                "AZRebalance",
                "AlarmNotification",
                "ScheduledActions",
                "ReplaceUnhealthy"
            ])
        ));
    }
    if dice.often(30) {
        let hour = 4 + dice.0.u32(..2);
        let minute = dice.0.u32(..60);
        let capacity = dice.one(&[
            "desired = 1",
            "min = 1, max = 3, desired = 2",
            "max = 5",
            "min = 0, max = 4, desired = 0",
        ]);
        lines.push(format!("scheduled_actions = [{{ name = \"a\", {capacity}, recurrence = \"{minute} {hour} * * *\" }}]"));
    }
    if dice.often(15) {
        lines.push("hooks = [{ name = \"boot\", transition = \"launching\", heartbeat_seconds = 300, default_result = \"CONTINUE\", completed_after_seconds = 30 }]".into());
    }
    // An alarm that fires on and on would in time lower the size of any group that runs.
    if desired == 0 && dice.often(20) {
        lines.push("alarm = { every_seconds = 600, adjustment = -1 }".into());
    }
    if dice.often(25) {
        let failure = dice.one(&[
            "no-capacity",
            "kms-denied",
            "never-online",
            "impaired",
            "install-fails",
            "installs-nothing",
            "undeliverable",
            "image-fails",
        ]);
        tables.push(format!("[groups.behaviour]\nfailure = \"{failure}\""));
    }
    if dice.often(12) {
        let failure = dice.one(&["never-online", "impaired", "no-capacity"]);
        // Who waives the canary has nobody who would notice.
        if !lines.iter().any(|l| l.contains("patch:canary")) {
            tables.push(format!("[groups.canary]\nfailure = \"{failure}\""));
        }
    }
    Group {
        name: format!("g{n}"),
        template,
        lines,
        tables,
    }
}

/// The owner's own documents, in a quarter of the groups.
fn documents(dice: &mut Dice, group: &mut Group) {
    let mut tags = String::new();
    for (option, policies) in [
        ("before", ["stop", "go-on"]),
        ("after", ["roll-back", "keep"]),
    ] {
        if dice.often(12) {
            let document = dice.one(&["Acme-Good", "Acme-Good", "Acme-Bad", "Acme-Hangs"]);
            let policy = dice.one(&policies);
            let key = "ep:asg:patch";
            tags += &format!(
                ", \"{key}:{option}-document\" = \"{document}\", \"{key}:{option}-failure\" = \"{policy}\""
            );
        }
    }
    let line = group.lines.iter_mut().find(|l| l.starts_with("tags = "));
    if let Some(line) = line.filter(|_| !tags.is_empty()) {
        let given = line.trim_end_matches(" }").to_owned();
        let given = given.trim_end();
        let begin = if given.ends_with('{') {
            tags.trim_start_matches(", ")
        } else {
            &tags
        };
        *line = format!("{given}{begin} }}");
    }
}

fn fault(dice: &mut Dice) -> String {
    let operation = dice.one(&OPERATIONS);
    let skip = dice.0.u32(..6);
    let times = 1 + dice.0.u32(..3);
    let kind = dice.one(&[
        "error = { code = \"Throttling\", message = \"m\", status = 400 }",
        "error = { code = \"InternalFailure\", message = \"m\", status = 500 }",
        "error = { code = \"ServiceUnavailable\", message = \"m\", status = 503 }",
        "never-arrived",
        "reply-lost",
        "hang",
        "effect-then-hang",
        "stale-read",
    ]);
    let kind = if let Some(error) = kind.strip_prefix("error = ") {
        format!("fault = \"error\"\n{}", error_lines(error))
    } else {
        format!("fault = \"{kind}\"")
    };
    format!("operation = \"{operation}\"\nskip = {skip}\ntimes = {times}\n{kind}")
}

fn error_lines(table: &str) -> String {
    let inner = table.trim_matches(|c| c == '{' || c == '}' || c == ' ');
    inner.replace(", ", "\n")
}

fn event(dice: &mut Dice, groups: &[Group]) -> Event {
    let group = &groups[dice.0.usize(..groups.len())];
    let (name, template) = (&group.name, group.template);
    let at = 30 + dice.0.u32(..1500);
    let action = match dice.0.u32(..8) {
        0 => format!("action = \"delete-group\"\ngroup = \"{name}\""),
        1 => format!("action = \"remove-tag\"\ngroup = \"{name}\"\nkey = \"ep:asg:patch\""),
        2 => format!(
            "action = \"set-capacity\"\ngroup = \"{name}\"\nmin = 0\nmax = 5\ndesired = {}",
            dice.0.u32(..3)
        ),
        3 => format!(
            "action = \"new-template-version\"\ngroup = \"{name}\"\nimage = \"i{template}\""
        ),
        4 => format!("action = \"terminate-instances\"\ngroup = \"{name}\""),
        5 => format!("action = \"resume-process\"\ngroup = \"{name}\"\nprocess = \"AZRebalance\""),
        6 => format!("action = \"suspend-process\"\ngroup = \"{name}\"\nprocess = \"AZRebalance\""),
        _ => "action = \"delete-parameters\"\nprefix = \"/asg-patch/\"".to_owned(),
    };
    Event {
        group: name.clone(),
        text: format!("at_seconds = {at}\n{action}"),
    }
}
