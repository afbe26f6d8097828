//! Our AWS adapter against moto: an account that nobody here wrote.
//!
//! Known to be wrong in moto 5.2, so that nobody tests against it: it drops a mixed instances policy
//! on update, ignores `SourceVersion`, accepts a desired capacity above the maximum, and lets
//! `SendCommand` target every instance. It has no `DeleteLaunchTemplateVersions`, and no `CreateImage`
//! with tags for the snapshots, as our adapter sends it: here boto3 makes the image. Instances and
//! images are ready at once.

#![allow(clippy::expect_used, clippy::panic)] // a test's own helpers

mod witness;

use std::collections::{BTreeMap, BTreeSet};

use asg_patch::aws::{self, Clients, Post, Urgency};
use asg_patch::clock::Clock;
use asg_patch::group::effect::{Done, Effect, Performed, PinChange, Role};
use asg_patch::group::fault::{FaultClass, Read};
use asg_patch::group::names::{RUN_TAG, record_parameter};
use asg_patch::group::pin::{Pin, Slot, TemplateMark};
use asg_patch::group::record::SCHEMA;
use asg_patch::group::seen::{Ec2State, GroupSeen, ImageState, Need, RecordSeen, Seen};
use asg_patch::group::{Job, Record};
use asg_patch::ids::TemplateId;
use asg_patch::request::OptInTag;
use asg_patch::schedule::Capacity;
use chrono::TimeDelta;
use serde_json::Value;
use witness::{Moto, Python};

/// An account in moto, seeded by boto3, and our clients of it.
struct Account {
    python: Python,
    moto: Moto,
    clients: Clients,
    /// The resources that `moto_account.py` made.
    seed: Value,
}

async fn perform(clients: &Clients, job: &Job, effect: &Effect) -> Performed {
    let together = [(job, effect)];
    let turn = aws::await_turn(clients, Urgency::Look, &together).await;
    let performed = aws::perform(clients, Urgency::Look, &together, &turn).await;
    let performed = performed.expect("a token");
    performed.into_iter().next().expect("an answer")
}

impl Account {
    async fn start() -> Self {
        Self::with_groups(2).await
    }

    /// With this many tagged groups asleep, and one awake.
    async fn with_groups(count: usize) -> Self {
        let python = Python::ready().unwrap_or_else(|why| panic!("{why}"));
        let moto = Moto::start(&python)
            .await
            .unwrap_or_else(|why| panic!("{why}"));
        let clients = Clients::new(&moto.sdk(), Clock::system());
        let mut account = Self {
            python,
            moto,
            clients,
            seed: Value::Null,
        };
        account.seed = account.said(&["seed", &count.to_string()]);
        account
    }

    /// The output of a boto3 command in the account.
    fn said(&self, command: &[&str]) -> Value {
        let mut arguments = vec![self.moto.endpoint.as_str()];
        arguments.extend(command);
        let text = self.python.script("moto_account.py", &arguments);
        let text = text.unwrap_or_else(|why| panic!("{why}"));
        serde_json::from_str(&text).expect("JSON")
    }

    fn text(&self, key: &str) -> String {
        self.seed[key].as_str().expect(key).to_owned()
    }

    async fn done(&self, job: &Job, effect: Effect) -> Done {
        let key = effect.key();
        let performed = perform(&self.clients, job, &effect).await;
        performed.unwrap_or_else(|fault| panic!("{key}: {fault:?}"))
    }

    async fn look(&self, job: &Job, needs: &[Need]) -> Seen {
        let needs: BTreeSet<Need> = needs.iter().copied().collect();
        let tag = OptInTag::default();
        let question = aws::Question {
            job,
            needs,
            known: None,
        };
        let mut seen = aws::observe(&self.clients, &tag, &[question]).await;
        seen.pop().expect("an answer for the job")
    }

    async fn group(&self, job: &Job) -> GroupSeen {
        present(self.look(job, &[Need::Group]).await.group)
    }
}

fn present<T: std::fmt::Debug>(read: Read<T>) -> T {
    match read {
        Read::Present(value) => value,
        other => panic!("expected something, found {other:?}"),
    }
}

/// A job of our own for a group; what moto does not know of it is made up.
fn job(group: &str, template: &str) -> Job {
    let now = Clock::system().now();
    let record = Record {
        schema: SCHEMA,
        group: group.into(),
        run_id: "run-1".into(),
        owner: "witness".into(),
        written_at: now,
        deadline: now + TimeDelta::hours(1),
        capacity: capacity(0, 4, 0),
        suspended: BTreeSet::new(),
        guarded: BTreeSet::new(),
        pins: vec![pin(template, "1")],
        templates: BTreeMap::from([(
            template.into(),
            TemplateMark {
                default: 1,
                latest: 1,
            },
        )]),
        actions: Vec::new(),
        image_name: "asg-patch/web/run-1".into(),
        bake_key: "b1".into(),
        members: None,
        automates: false,
        signature: None,
    };
    Job::from_record(record, now)
}

fn capacity(min: i32, max: i32, desired: i32) -> Capacity {
    Capacity { min, max, desired }
}

fn pin(template: &str, version: &str) -> Pin {
    Pin {
        slot: Slot::Template,
        template: template.into(),
        version: version.into(),
    }
}

/// moto knows real time only.
fn real_time(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future);
}

#[test]
fn groups_are_found_over_several_pages() {
    real_time(async {
        // More than fit on one page of a hundred.
        let account = Account::with_groups(120).await;
        let tag = OptInTag::default();
        let everyone = aws::find_groups(&account.clients).await.expect("groups");
        let mut found = everyone.clone();
        found.retain(|_, group| tag.is_on(&group.tags));
        assert_eq!(account.seed["tagged"], found.len());
        assert!(!found.contains_key("refused") && !found.contains_key("untagged"));
        let running = &found["running"];
        assert_eq!(running.capacity, capacity(1, 4, 1));
        assert_eq!(running.pins, [pin(&account.text("template"), "1")]);
        assert_eq!(running.tags["ep:asg:patch:wave"], "2");
        assert_eq!(everyone.len(), found.len() + 2);
        let pages = account.clients.call_counts();
        assert_eq!(
            pages["autoscaling:DescribeAutoScalingGroups"], 2,
            "{pages:?}"
        );
    });
}

fn resize(capacity: Capacity) -> Effect {
    Effect::Update {
        capacity: Some(capacity),
        pins: None,
    }
}

#[test]
fn a_group_lends_an_instance_and_is_as_before() {
    real_time(async {
        let account = Account::start().await;
        let mut job = job("group-000", &account.text("template"));
        account
            .done(
                &job,
                Effect::Suspend(vec!["AZRebalance".into(), "HealthCheck".into()]),
            )
            .await;
        account
            .done(&job, Effect::Resume(vec!["HealthCheck".into()]))
            .await;
        account.done(&job, resize(capacity(0, 4, 1))).await;
        let group = account.group(&job).await;
        assert_eq!(group.suspended, BTreeSet::from(["AZRebalance".to_owned()]));
        assert_eq!(group.capacity, capacity(0, 4, 1));
        assert!(group.opted_in && !group.deleting);
        let (instance, member) = group.members.first_key_value().expect("a member");
        assert!(member.in_service());

        let standby = Effect::EnterStandby {
            instance: instance.clone(),
            decrement: true,
        };
        account.done(&job, standby).await;
        let group = account.group(&job).await;
        assert!(group.members[instance].on_standby());
        assert_eq!(group.capacity, capacity(0, 4, 0));

        let tag = Effect::TagInstance {
            instance: instance.clone(),
            role: Role::Build,
        };
        account.done(&job, tag).await;
        job.made.instances.insert(Role::Build, instance.clone());
        let seen = present(
            account
                .look(&job, &[Need::Group, Need::Instances])
                .await
                .instances,
        );
        assert_eq!(seen[instance].state, Ec2State::Running);
        assert_eq!(seen[instance].run.as_deref(), Some("run-1"));
        assert_eq!(seen[instance].role.as_deref(), Some("build"));

        let terminate = Effect::Terminate {
            instance: instance.clone(),
            decrement: false,
        };
        account.done(&job, terminate).await;
        let group = account.group(&job).await;
        assert_eq!((group.capacity.desired, group.members.len()), (0, 0));
    });
}

#[test]
fn a_group_that_is_not_there_is_absent_and_refuses() {
    real_time(async {
        let account = Account::start().await;
        let job = job("nobody", &account.text("template"));
        let seen = account.look(&job, &[Need::Group, Need::Record]).await;
        assert!(matches!(seen.group, Read::Absent), "{:?}", seen.group);
        assert!(matches!(seen.record, Read::Absent), "{:?}", seen.record);
        let refused = perform(&account.clients, &job, &resize(capacity(0, 1, 1))).await;
        let fault = refused.expect_err("there is no such group");
        assert_eq!(
            (fault.code.as_str(), fault.class),
            ("ValidationError", FaultClass::Refused)
        );
    });
}

#[test]
fn a_version_is_made_pinned_and_made_the_default() {
    real_time(async {
        let account = Account::start().await;
        let template = TemplateId::from(account.text("template"));
        let job = job("group-001", &template);
        let create = Effect::CreateVersion {
            template: template.clone(),
            source: 1,
            image: account.text("image").into(),
            description: "asg-patch run-1".into(),
            token: "token-1".into(),
            devices: Vec::new(),
        };
        assert_eq!(account.done(&job, create).await, Done::Version(2));
        let seen = present(account.look(&job, &[Need::Versions]).await.versions);
        let newer: Vec<_> = seen[&template]
            .iter()
            .map(|v| (v.number, v.description.as_str()))
            .collect();
        assert_eq!(newer, [(2, "asg-patch run-1")]);

        let pins = Effect::Update {
            capacity: None,
            pins: Some(PinChange {
                expected: vec![pin(&template, "$Default")],
                to: vec![pin(&template, "2")],
            }),
        };
        account.done(&job, pins).await;
        assert_eq!(account.group(&job).await.pins, [pin(&template, "2")]);

        let mark = || async {
            let seen = account.look(&job, &[Need::Templates]).await;
            present(seen.templates)[&template]
        };
        let default = |version| Effect::SetDefault {
            template: template.clone(),
            version,
        };
        account.done(&job, default(2)).await;
        assert_eq!(
            mark().await,
            TemplateMark {
                default: 2,
                latest: 2
            }
        );
        account.done(&job, default(1)).await;
        assert_eq!(mark().await.default, 1);
        let gone = BTreeSet::from(["lt-0123456789abcdef0".into(), template.clone()]);
        let facts = aws::template_facts(&account.clients, &gone)
            .await
            .expect("facts");
        assert!(facts.get(&template).expect("facts").is_some());
        assert_eq!(facts.get("lt-0123456789abcdef0").expect("facts"), None);
    });
}

#[test]
fn an_image_is_found_by_name_and_removed() {
    real_time(async {
        let account = Account::start().await;
        let job = job("running", &account.text("template"));
        assert!(matches!(
            account.look(&job, &[Need::Image]).await.image,
            Read::Absent
        ));
        let name = job.record.image_name.clone();
        let made = account.said(&["image", &account.text("instance"), &name]);
        let image = present(account.look(&job, &[Need::Image]).await.image);
        assert_eq!(
            (Value::from(image.id.as_str()), image.state),
            (made, ImageState::Available)
        );
        assert_eq!(image.run.as_deref(), Some("run-1"), "tag {RUN_TAG}");
        account.done(&job, Effect::DeregisterImage(image.id)).await;
        assert!(matches!(
            account.look(&job, &[Need::Image]).await.image,
            Read::Absent
        ));
    });
}

#[test]
fn a_record_is_stored_once_and_deleted_twice() {
    real_time(async {
        let account = Account::start().await;
        let job = job("group <002> ä", &account.text("template"));
        let store = || Effect::StoreRecord(Box::new(job.record.clone()));
        account.done(&job, store()).await;
        let again = perform(&account.clients, &job, &store()).await;
        let fault = again.expect_err("it is there already");
        assert_eq!(
            (fault.code.as_str(), fault.class),
            ("ParameterAlreadyExists", FaultClass::Exists)
        );
        let seen = present(account.look(&job, &[Need::Record]).await.record);
        match &seen {
            RecordSeen::Readable(stored) => {
                assert_eq!(*stored.record, job.record);
                assert!(stored.stored_at.is_some(), "{stored:?}");
            }
            RecordSeen::Unreadable { .. } => panic!("{seen:?}"),
        }
        let all = aws::list_records(&account.clients).await.expect("records");
        assert_eq!(all, BTreeMap::from([(record_parameter(job.group()), seen)]));
        account.done(&job, Effect::DeleteRecord).await;
        account.done(&job, Effect::DeleteRecord).await;
        assert_eq!(
            aws::list_records(&account.clients).await,
            Ok(BTreeMap::new())
        );
    });
}

#[test]
fn a_report_reaches_a_queue_with_the_text_for_queues() {
    real_time(async {
        let account = Account::start().await;
        let post = Post::Structured {
            subject: "asg-patch: 1 patched".into(),
            body: r#"{"default": "short", "email": "long <&>", "sqs": "{\"run_id\": \"run-1\"}"}"#
                .into(),
            attributes: BTreeMap::from([("event", "ended".to_owned())]),
        };
        let topic = account.text("topic");
        let sent = aws::publish(&account.clients, &topic, &post).await;
        sent.expect("published");
        let got = account.said(&["messages"]);
        assert_eq!(got.as_array().map(Vec::len), Some(1), "{got}");
        assert_eq!(got[0]["Subject"], "asg-patch: 1 patched");
        assert_eq!(got[0]["Message"], r#"{"run_id": "run-1"}"#);
        let nowhere = format!("{topic}-none");
        let fault = aws::publish(&account.clients, &nowhere, &post).await;
        assert_eq!(fault.expect_err("no such topic").code, "NotFound");
    });
}
