//! The account as the real SDK clients see it.

mod beliefs;
mod clock;
mod flips;
mod groups;
mod images;
mod scale;
mod standby;
mod targets;
mod volumes;

use std::time::Duration;

use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::types as ec2;

use crate::clock::Clock;
use crate::sim::Account;
use crate::sim::sdk::sdk_config;
use crate::sim::world::groups::{GroupTag, LaunchSource, TemplateSpec};
use crate::sim::world::guest::Guest;
use crate::sim::world::templates::TemplateData;
use crate::sim::world::{Group, Image, Template, World};

const START: &str = "2026-03-07T01:00:00Z";

struct Sim {
    account: Account,
    asg: aws_sdk_autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
}

fn spec(version: &str) -> LaunchSource {
    LaunchSource::Template(TemplateSpec {
        id: "lt-1".into(),
        name: "web".into(),
        version: Some(version.into()),
    })
}

fn sleeper(name: &str, version: &str) -> Group {
    let mut group = Group::new(name, spec(version));
    let tag = GroupTag {
        value: "true".into(),
        propagate: false,
    };
    group.tags.insert("ep:asg:patch".into(), tag);
    group
}

impl Sim {
    fn new(groups: Vec<Group>) -> Self {
        let clock = Clock::simulated(START.parse().unwrap(), 1);
        let mut world = World::new(clock.now(), 7);
        let guest = Guest {
            missing: vec!["kernel".into()],
            volume_gib: 8,
            ..Guest::default()
        };
        world.put_image(Image::new("ami-1", "base", guest));
        world.put_template(Template::new(
            "lt-1",
            "web",
            TemplateData::of_image("ami-1", "t3.small"),
        ));
        for group in groups {
            world.put_group(group);
        }
        let account = Account::new(world, clock);
        let sdk = sdk_config(&account, "test");
        Self {
            asg: aws_sdk_autoscaling::Client::new(&sdk),
            ec2: aws_sdk_ec2::Client::new(&sdk),
            account,
        }
    }

    async fn wait(&self, seconds: u64) {
        self.account
            .clock()
            .wait(Duration::from_secs(seconds))
            .await;
    }

    async fn group(&self, name: &str) -> asg::AutoScalingGroup {
        let answer = self
            .asg
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(name)
            .send()
            .await;
        answer.unwrap().auto_scaling_groups()[0].clone()
    }

    async fn set_capacity(&self, name: &str, min: i32, max: i32, desired: i32) {
        let call = self
            .asg
            .update_auto_scaling_group()
            .auto_scaling_group_name(name);
        let call = call.min_size(min).max_size(max).desired_capacity(desired);
        call.send().await.unwrap();
    }

    /// Wakes a group by one instance and returns the id.
    async fn wake(&self, name: &str) -> String {
        self.set_capacity(name, 0, 1, 1).await;
        self.wait(60).await;
        let group = self.group(name).await;
        assert_eq!(
            group.instances()[0].lifecycle_state(),
            Some(&asg::LifecycleState::InService)
        );
        group.instances()[0].instance_id().unwrap().to_owned()
    }

    async fn activities(&self, name: &str) -> Vec<asg::Activity> {
        let answer = self
            .asg
            .describe_scaling_activities()
            .auto_scaling_group_name(name)
            .send()
            .await;
        answer.unwrap().activities().to_vec()
    }

    async fn image(&self, id: &str) -> ec2::Image {
        let answer = self
            .ec2
            .describe_images()
            .image_ids(id)
            .owners("self")
            .send()
            .await;
        answer.unwrap().images()[0].clone()
    }

    async fn create_image(&self, instance: &str, name: &str) -> String {
        let call = self
            .ec2
            .create_image()
            .instance_id(instance)
            .name(name)
            .no_reboot(true);
        let id = call.send().await.unwrap().image_id().unwrap().to_owned();
        self.wait(5).await;
        id
    }
}
