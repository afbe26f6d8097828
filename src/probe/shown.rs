//! A group and its members as a read shows them.

use aws_sdk_autoscaling::types::{AutoScalingGroup, Instance};

/// A group as a read shows it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) max: i32,
    pub(super) desired: i32,
    pub(super) suspended: Vec<String>,
    pub(super) members: Vec<Member>,
}

impl Shown {
    pub(super) fn of(group: &AutoScalingGroup) -> Self {
        let suspended = group.suspended_processes().iter();
        Self {
            max: group.max_size().unwrap_or_default(),
            desired: group.desired_capacity().unwrap_or_default(),
            suspended: suspended
                .filter_map(|p| p.process_name().map(str::to_owned))
                .collect(),
            members: group.instances().iter().map(member).collect(),
        }
    }

    /// The state of a member; `gone` if it is none.
    pub(super) fn state(&self, id: &str) -> &str {
        let member = self.members.iter().find(|m| m.id == id);
        member.map_or("gone", |m| m.state.as_str())
    }

    /// The first member in service.
    pub(super) fn in_service(&self) -> Option<&Member> {
        self.members.iter().find(|m| m.state == "InService")
    }
}

/// A member of a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) state: String,
    /// The template version that the group says it was launched from.
    pub(super) version: String,
}

fn member(instance: &Instance) -> Member {
    let template = instance.launch_template();
    Member {
        id: instance.instance_id().unwrap_or_default().to_owned(),
        state: instance
            .lifecycle_state()
            .map_or_else(String::new, |s| s.as_str().to_owned()),
        version: template
            .and_then(|t| t.version())
            .unwrap_or_default()
            .to_owned(),
    }
}
