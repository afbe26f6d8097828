//! Messages and metrics of the function.

use chrono::{DateTime, Utc};

use super::{Settings, Unit, metrics_line};
use crate::aws::Clients;
use crate::group::Outcome;
use crate::notify::Message;
use crate::report::{RunKind, RunReport};
use crate::run::{self, Env};

/// Whom the function tells.
pub(super) struct Notifier {
    env: Env,
    topic: Option<String>,
    chat: Option<String>,
    stack: String,
    measured: Box<dyn Fn(&str) + Send + Sync>,
}

impl Notifier {
    pub(super) fn new(
        env: Env,
        settings: &Settings,
        measured: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            env,
            topic: settings.defaults.topic_arn.clone(),
            chat: settings.chat_topic_arn.clone(),
            stack: settings.stack.clone(),
            measured: Box::new(measured),
        }
    }

    /// Tells everybody, until `stop_at` at the latest. No answer waits longer for SNS, and no run fails for it:
    /// answers whether all were told.
    pub(super) async fn tell(&self, message: &Message, stop_at: DateTime<Utc>) -> bool {
        let clients = Clients::new(&self.env.sdk, self.env.clock.clone());
        let people = async {
            match &self.topic {
                Some(topic) => run::send(&clients, topic, message).await,
                None => Ok(()),
            }
        };
        let chat = async {
            match &self.chat {
                Some(topic) => run::send_to_chat(&clients, topic, message).await,
                None => Ok(()),
            }
        };
        let all = async { tokio::join!(people, chat) };
        let problem = tokio::select! {
            (people, chat) = all => people.and(chat).err().map(|f| f.to_failure().reason),
            () = self.env.clock.wait_until(stop_at) => Some("SNS did not answer in time".into()),
        };
        let Some(problem) = problem else {
            return true;
        };
        tracing::error!(event = %message.event, "a message was not sent: {problem}");
        self.measure(&[("MessagesUnsent", Unit::Count, 1)]);
        false
    }

    pub(super) fn measure(&self, metrics: &[(&str, Unit, u64)]) {
        let now = self.env.clock.now();
        (self.measured)(&metrics_line(&self.stack, now, metrics));
    }

    pub(super) fn measure_report(&self, report: &RunReport) {
        let count = |outcome| report.count(outcome) as u64;
        let seconds = (report.finished_at - report.started_at).num_seconds();
        self.measure(&[
            ("GroupsRolledBack", Unit::Count, count(Outcome::RolledBack)),
            ("GroupsFailed", Unit::Count, count(Outcome::Failed)),
            (
                "GroupsLeftOpen",
                Unit::Count,
                report.left_open().count() as u64,
            ),
            ("ApiCalls", Unit::Count, report.api_calls.values().sum()),
        ]);
        if report.kind == RunKind::Restore {
            return;
        }
        let instance_seconds = report.groups.iter().map(|g| g.instance_seconds).sum();
        self.measure(&[
            ("RunsEnded", Unit::Count, 1),
            ("GroupsPatched", Unit::Count, count(Outcome::Patched)),
            (
                "GroupsAlreadyCurrent",
                Unit::Count,
                count(Outcome::AlreadyCurrent),
            ),
            ("GroupsSkipped", Unit::Count, count(Outcome::Skipped)),
            ("RunSeconds", Unit::Seconds, seconds.unsigned_abs()),
            ("InstanceSeconds", Unit::Seconds, instance_seconds),
        ]);
    }
}
