//! A bench: one throwaway launch template and group, for the checks of one experiment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use aws_sdk_ec2::types::{
    self as ec2, LaunchTemplateIamInstanceProfileSpecificationRequest,
    LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData, TagSpecification,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::finding::{Belief, Finding};
use super::settings::{Settings, TAG};
use super::shown::Shown;
use super::tap::Tap;
use super::trouble::{Answer, Trouble, answer, given, present};
use crate::aws::Aws;

/// A new group or template is usable this soon, seconds: EC2's reads may lag.
const NEW: u64 = 90;
/// A launch or a move takes at most this long, seconds.
pub(super) const LAUNCH: u64 = 600;
/// Between two looks, seconds.
const LOOK: u64 = 2;
/// After this long a change of a group shows in reads, seconds.
const SETTLED: u64 = 8;

/// One experiment's own template and group, and what it has found. Both have the bench's name.
pub(super) struct Bench {
    pub(super) aws: Aws,
    pub(super) settings: Arc<Settings>,
    pub(super) tap: Tap,
    pub(super) name: String,
    beliefs: &'static [Belief],
    notes: Mutex<Vec<Finding>>,
}

impl Bench {
    pub(super) fn new(
        aws: &Aws,
        settings: &Arc<Settings>,
        tap: &Tap,
        (experiment, beliefs): (&str, &'static [Belief]),
    ) -> Self {
        Self {
            aws: aws.clone(),
            settings: settings.clone(),
            tap: tap.clone(),
            name: settings.name(experiment),
            beliefs,
            notes: Mutex::default(),
        }
    }

    // ---- findings ----------------------------------------------------------------------------------

    /// Notes whether a sourced belief holds.
    pub(super) fn holds(&self, id: &str, holds: bool, found: impl Into<String>) {
        self.note(id, |b| Finding::of_source(b, holds, found.into()));
    }

    /// Notes the variant of an open belief; `None`: none of them fits.
    pub(super) fn variant(&self, id: &str, variant: Option<&str>, found: impl Into<String>) {
        self.note(id, |b| Finding::of_variant(b, variant, found.into()));
    }

    /// Notes why a belief cannot be checked.
    pub(super) fn unseen(&self, id: &str, why: &str) {
        self.note(id, |b| Finding::unchecked(b, why));
    }

    fn note(&self, id: &str, finding: impl FnOnce(&Belief) -> Finding) {
        if let Some(belief) = self.beliefs.iter().find(|b| b.id == id) {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.push(finding(belief));
        }
    }

    /// A finding for each belief of the experiment; `why` is the reason for those that have none.
    pub(super) fn findings(&self, why: &str) -> Vec<Finding> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |b: &Belief| notes.iter().find(|n| n.belief == b.id).cloned();
        let beliefs = self.beliefs.iter();
        beliefs
            .map(|b| found(b).unwrap_or_else(|| Finding::unchecked(b, why)))
            .collect()
    }

    // ---- time --------------------------------------------------------------------------------------

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.aws.clock.now()
    }

    pub(super) async fn wait(&self, seconds: u64) {
        self.aws.clock.wait(Duration::from_secs(seconds)).await;
    }

    /// Seconds since `then`.
    pub(super) fn since(&self, then: DateTime<Utc>) -> f64 {
        (self.now() - then).as_seconds_f64()
    }

    fn is_past(&self, then: DateTime<Utc>, seconds: u64) -> bool {
        self.now() - then > TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// Asks every two seconds until `look` has an answer.
    pub(super) async fn until<T>(
        &self,
        (awaited, seconds): (&str, u64),
        mut look: impl AsyncFnMut() -> Result<Option<T>, Trouble>,
    ) -> Result<T, Trouble> {
        let begun = self.now();
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            if self.is_past(begun, seconds) {
                return Err(Trouble::Late {
                    awaited: awaited.to_owned(),
                    seconds,
                });
            }
            self.wait(LOOK).await;
        }
    }

    // ---- template and group ------------------------------------------------------------------------

    /// The tags of everything that EC2 makes for the bench.
    pub(super) fn tags(&self, kind: ec2::ResourceType) -> TagSpecification {
        let builder = TagSpecification::builder().resource_type(kind);
        builder.set_tags(Some(self.own_tags())).build()
    }

    /// The probe's tag, and a name for what has none of its own.
    fn own_tags(&self) -> Vec<ec2::Tag> {
        let tag = |key: &str, value: &str| ec2::Tag::builder().key(key).value(value).build();
        vec![tag(TAG, &self.settings.id), tag("Name", &self.name)]
    }

    /// The data of a template: image, type, profile, and tags of what is launched from it.
    pub(super) fn data(&self) -> aws_sdk_ec2::types::builders::RequestLaunchTemplateDataBuilder {
        let tagged = |kind| {
            let builder = LaunchTemplateTagSpecificationRequest::builder().resource_type(kind);
            builder.set_tags(Some(self.own_tags())).build()
        };
        let profile = self.settings.instance_profile.as_ref().map(|name| {
            LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
                .name(name)
                .build()
        });
        RequestLaunchTemplateData::builder()
            .image_id(&self.settings.image)
            .instance_type(ec2::InstanceType::from(
                self.settings.instance_type.as_str(),
            ))
            .tag_specifications(tagged(ec2::ResourceType::Instance))
            .tag_specifications(tagged(ec2::ResourceType::Volume))
            .set_iam_instance_profile(profile)
    }

    /// Makes the bench's template with `data` as its version 1.
    pub(super) async fn make_template(
        &self,
        data: RequestLaunchTemplateData,
    ) -> Result<(), Trouble> {
        let call = self.aws.clients.ec2.create_launch_template();
        let call = call
            .launch_template_name(&self.name)
            .launch_template_data(data)
            .client_token(self.token("template"))
            .tag_specifications(self.tags(ec2::ResourceType::LaunchTemplate));
        given("ec2:CreateLaunchTemplate", call.send().await).map(|_| ())
    }

    /// A client token of the bench for one purpose.
    pub(super) fn token(&self, purpose: &str) -> String {
        let parts = [self.name.as_str(), purpose];
        crate::text::hash_hex(&parts, 16)
    }

    /// The bench's template at a version; `None`: the group names none.
    pub(super) fn at_version(&self, version: Option<&str>) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder()
            .launch_template_name(&self.name)
            .set_version(version.map(str::to_owned))
            .build()
    }

    /// Makes the bench's group, as `source` completes it, and waits until reads show it.
    pub(super) async fn make_group(
        &self,
        (min, max, desired): (i32, i32, i32),
        source: impl Fn(Creation) -> Creation,
    ) -> Result<(), Trouble> {
        let tag = Tag::builder()
            .key(TAG)
            .value(&self.settings.id)
            .propagate_at_launch(true)
            .build();
        let make = async || {
            let call = self.aws.clients.autoscaling.create_auto_scaling_group();
            let call = call
                .auto_scaling_group_name(&self.name)
                .vpc_zone_identifier(self.settings.subnets.join(","))
                .health_check_type("EC2")
                .tags(tag.clone())
                .min_size(min)
                .max_size(max)
                .desired_capacity(desired);
            let sent = source(call).send().await;
            // For some seconds a new template may not be known everywhere.
            let made = answer("autoscaling:CreateAutoScalingGroup", sent)?;
            Ok(matches!(made, Answer::Given(_)).then_some(()))
        };
        self.until(("a new group", NEW), make).await?;
        let seen = async || Ok(self.look().await?.map(|_| ()));
        self.until(("a read of the new group", NEW), seen).await
    }

    /// Makes template and group, which names version 1.
    pub(super) async fn make(&self, sizes: (i32, i32, i32)) -> Result<(), Trouble> {
        self.make_template(self.data().build()).await?;
        self.make_group(sizes, |call| {
            call.launch_template(self.at_version(Some("1")))
        })
        .await
    }

    /// The group as a read shows it; `None`: it shows none.
    pub(super) async fn look(&self) -> Result<Option<Shown>, Trouble> {
        let call = self.aws.clients.autoscaling.describe_auto_scaling_groups();
        let sent = call.auto_scaling_group_names(&self.name).send().await;
        let answer = given("autoscaling:DescribeAutoScalingGroups", sent)?;
        Ok(answer.auto_scaling_groups().first().map(Shown::of))
    }

    /// The group.
    pub(super) async fn shown(&self) -> Result<Shown, Trouble> {
        present(self.look().await?, "autoscaling:DescribeAutoScalingGroups")
    }

    /// The group, once reads show what was last changed.
    pub(super) async fn settled(&self) -> Result<Shown, Trouble> {
        self.wait(SETTLED).await;
        self.shown().await
    }

    /// Waits until the group is as `fits` wants it.
    pub(super) async fn group_until<T>(
        &self,
        (awaited, seconds): (&str, u64),
        fits: impl Fn(&Shown) -> Option<T>,
    ) -> Result<T, Trouble> {
        let look = async || Ok(self.look().await?.as_ref().and_then(&fits));
        self.until((awaited, seconds), look).await
    }

    /// Waits until a member is InService, and names it.
    pub(super) async fn awake(&self) -> Result<String, Trouble> {
        let id = |g: &Shown| g.in_service().map(|m| m.id.clone());
        let awaited = ("a member in service", LAUNCH);
        match self.group_until(awaited, id).await {
            Err(Trouble::Late { awaited, seconds }) => {
                let why = self.last_message().await?;
                let why = format!("{awaited} did not come about within {seconds} s: {why}");
                Err(Trouble::Unseen(why))
            }
            ended => ended,
        }
    }

    /// The message of the group's newest activity: why a launch failed.
    async fn last_message(&self) -> Result<String, Trouble> {
        let call = self.aws.clients.autoscaling.describe_scaling_activities();
        let sent = call.auto_scaling_group_name(&self.name).send().await;
        let answer = given("autoscaling:DescribeScalingActivities", sent)?;
        let newest = answer.activities().first();
        let message = newest.and_then(|a| a.status_message());
        Ok(message.unwrap_or("no activity says why").to_owned())
    }

    /// Waits until a member is on Standby.
    pub(super) async fn on_standby(&self, id: &str) -> Result<(), Trouble> {
        let aside = |g: &Shown| (g.state(id) == "Standby").then_some(());
        self.group_until(("the move into Standby", LAUNCH), aside)
            .await
    }

    /// Deletes the group, with its instances: the bench is done. What this leaves, the cleaning finds.
    pub(super) async fn close(&self) {
        let tags = async || {
            let call = self.aws.clients.autoscaling.describe_auto_scaling_groups();
            let sent = call.auto_scaling_group_names(&self.name).send().await;
            let answer = given("autoscaling:DescribeAutoScalingGroups", sent)?;
            let group = answer.auto_scaling_groups().first();
            Ok::<_, Trouble>(group.map(|g| g.tags().to_vec()).unwrap_or_default())
        };
        let tags = tags().await.unwrap_or_default();
        let id = Some(self.settings.id.as_str());
        if tags.iter().any(|t| t.key() == Some(TAG) && t.value() == id) {
            let call = self.aws.clients.autoscaling.delete_auto_scaling_group();
            let call = call.auto_scaling_group_name(&self.name);
            if let Err(error) = call.force_delete(true).send().await {
                tracing::info!(group = self.name, %error, "not deleted yet");
            }
        }
    }

    // ---- changes -----------------------------------------------------------------------------------

    /// UpdateAutoScalingGroup with these sizes.
    pub(super) async fn resize(
        &self,
        min: i32,
        max: i32,
        desired: Option<i32>,
    ) -> Result<Answer<()>, Trouble> {
        let call = self.aws.clients.autoscaling.update_auto_scaling_group();
        let call = call.auto_scaling_group_name(&self.name);
        let call = call.min_size(min).max_size(max);
        let sent = call.set_desired_capacity(desired).send().await;
        answer("autoscaling:UpdateAutoScalingGroup", sent.map(|_| ()))
    }

    /// The same, which must succeed.
    pub(super) async fn sized(&self, min: i32, max: i32, desired: i32) -> Result<(), Trouble> {
        must(
            self.resize(min, max, Some(desired)).await?,
            "a change of capacity",
        )
    }

    /// EnterStandby.
    pub(super) async fn enter(&self, id: &str, decrement: bool) -> Result<Answer<()>, Trouble> {
        let call = self.aws.clients.autoscaling.enter_standby();
        let call = call.auto_scaling_group_name(&self.name).instance_ids(id);
        let call = call.should_decrement_desired_capacity(decrement);
        answer("autoscaling:EnterStandby", call.send().await.map(|_| ()))
    }

    /// Puts a member on Standby and waits until it is there.
    pub(super) async fn aside(&self, id: &str, decrement: bool) -> Result<(), Trouble> {
        must(self.enter(id, decrement).await?, "EnterStandby")?;
        self.on_standby(id).await
    }

    /// TerminateInstanceInAutoScalingGroup, for a member of this group.
    pub(super) async fn end(&self, id: &str, decrement: bool) -> Result<Answer<()>, Trouble> {
        let clients = &self.aws.clients.autoscaling;
        let call = clients.terminate_instance_in_auto_scaling_group();
        let call = call.instance_id(id);
        let call = call.should_decrement_desired_capacity(decrement);
        let sent = call.send().await.map(|_| ());
        answer("autoscaling:TerminateInstanceInAutoScalingGroup", sent)
    }

    /// SuspendProcesses; an empty list is sent as it is.
    pub(super) async fn suspend(&self, processes: &[&str]) -> Result<(), Trouble> {
        let call = self.aws.clients.autoscaling.suspend_processes();
        let call = call.auto_scaling_group_name(&self.name);
        let call = processes
            .iter()
            .fold(call, |call, process| call.scaling_processes(*process));
        given("autoscaling:SuspendProcesses", call.send().await).map(|_| ())
    }

    /// ResumeProcesses of one process.
    pub(super) async fn resume(&self, process: &str) -> Result<(), Trouble> {
        let call = self.aws.clients.autoscaling.resume_processes();
        let call = call.auto_scaling_group_name(&self.name);
        let sent = call.scaling_processes(process).send().await;
        given("autoscaling:ResumeProcesses", sent).map(|_| ())
    }
}

/// CreateAutoScalingGroup as the SDK builds it.
pub(super) type Creation =
    aws_sdk_autoscaling::operation::create_auto_scaling_group::builders::CreateAutoScalingGroupFluentBuilder;

/// # Errors
/// The call was refused, on which the rest of a check depends.
pub(super) fn must(answer: Answer<()>, what: &str) -> Result<(), Trouble> {
    match answer {
        Answer::Given(()) => Ok(()),
        Answer::Refused(code) => Err(Trouble::Unseen(format!("{what} was refused: {code}"))),
    }
}
