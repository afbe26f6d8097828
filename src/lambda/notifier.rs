//! Messages and metrics of the function.

use chrono::{DateTime, Utc};

use super::Settings;
use super::metrics::{Unit, line};
use super::sweep::Around;
use crate::aws::Aws;
use crate::group::Outcome;
use crate::notify::Message;
use crate::report::{RunKind, RunReport};
use crate::run;

/// Groups that a run could not restore. Zero once there are no records.
const GROUPS_LEFT_OPEN: &str = "GroupsLeftOpen";

/// The age of the oldest image that a group of the run launches from.
const OLDEST_IMAGE_DAYS: &str = "OldestImageDays";

/// Groups whose patched image something had replaced by an older one.
const GROUPS_REVERTED: &str = "GroupsReverted";

/// Records, claims and tasks that do not come from this program.
pub(super) const NOT_OURS: &str = "NotOurs";

/// Sends messages to the stack's topics, and metrics to CloudWatch.
pub(super) struct Notifier {
    aws: Aws,
    topic: Option<String>,
    chat: Option<String>,
    stack: String,
    measured: Box<dyn Fn(&str) + Send + Sync>,
}

impl Notifier {
    pub(super) fn new(
        aws: Aws,
        settings: &Settings,
        measured: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            aws,
            topic: settings.defaults.topic_arn.clone(),
            chat: settings.chat_topic_arn.clone(),
            stack: settings.stack.clone(),
            measured: Box::new(measured),
        }
    }

    /// Sends a message to all topics, until `stop_at` at the latest. No answer waits longer for SNS, and no run
    /// fails for it: answers whether all was sent.
    pub(super) async fn notify(&self, message: &Message, stop_at: DateTime<Utc>) -> bool {
        let people = async {
            match &self.topic {
                Some(topic) => run::send(&self.aws, topic, message).await,
                None => Ok(()),
            }
        };
        let chat = async {
            match &self.chat {
                Some(topic) => run::send_to_chat(&self.aws, topic, message).await,
                None => Ok(()),
            }
        };
        let all = async { tokio::join!(people, chat) };
        let problem = tokio::select! {
            (people, chat) = all => people.and(chat).err().map(|f| f.to_failure().reason),
            () = self.aws.clock.wait_until(stop_at) => Some("SNS did not answer in time".into()),
        };
        let Some(problem) = problem else {
            return true;
        };
        tracing::error!(kind = %message.kind, "a message was not sent: {problem}");
        self.measure_one("MessagesUnsent");
        false
    }

    /// Counts one.
    pub(super) fn measure_one(&self, name: &str) {
        self.measure_many(name, 1);
    }

    /// Counts some.
    pub(super) fn measure_many(&self, name: &str, count: u64) {
        self.measure(&[(name, Unit::Count, count)]);
    }

    pub(super) fn measure_pass(&self, milliseconds: u64) {
        self.measure(&[("PassMilliseconds", Unit::Milliseconds, milliseconds)]);
    }

    pub(super) fn measure_around(&self, around: &Around) {
        let Around {
            records,
            records_past_deadline,
            window_missed,
            unsigned,
        } = *around;
        self.measure(&[
            ("RecordsPastDeadline", Unit::Count, records_past_deadline),
            ("WindowMissed", Unit::Count, window_missed.into()),
            (NOT_OURS, Unit::Count, unsigned),
        ]);
        // Only here: a run that ends knows its own groups, and another's may still be open. While there are records,
        // the alarm keeps its state.
        if records == 0 {
            self.measure(&[(GROUPS_LEFT_OPEN, Unit::Count, 0)]);
        }
    }

    fn measure(&self, metrics: &[(&str, Unit, u64)]) {
        let now = self.aws.clock.now();
        (self.measured)(&line(&self.stack, now, metrics));
    }

    /// `is_whole`: it was no run of groups that were named.
    pub(super) fn measure_report(&self, report: &RunReport, is_whole: bool) {
        let count = |outcome| report.count(outcome) as u64;
        let seconds = (report.finished_at - report.started_at).num_seconds();
        self.measure(&[
            ("GroupsRolledBack", Unit::Count, count(Outcome::RolledBack)),
            ("GroupsFailed", Unit::Count, count(Outcome::Failed)),
            ("ApiCalls", Unit::Count, report.api_calls.values().sum()),
        ]);
        let left_open = report.left_open().count() as u64;
        if left_open > 0 {
            self.measure(&[(GROUPS_LEFT_OPEN, Unit::Count, left_open)]);
        }
        if report.kind == RunKind::Restore {
            return;
        }
        // Without a known age there is none to alarm about; and one group that is patched by hand says nothing of the rest.
        let ages = report.groups.iter().filter_map(|g| g.image_age_days);
        if let (true, Some(oldest)) = (is_whole, ages.max()) {
            self.measure(&[(OLDEST_IMAGE_DAYS, Unit::Count, oldest.into())]);
        }
        let reverted = report.groups.iter().filter(|g| g.reverted_from.is_some());
        let instance_seconds = report.groups.iter().map(|g| g.instance_seconds).sum();
        self.measure(&[
            ("RunsEnded", Unit::Count, 1),
            (GROUPS_REVERTED, Unit::Count, reverted.count() as u64),
            ("GroupsPatched", Unit::Count, count(Outcome::Patched)),
            (
                "GroupsAlreadyCurrent",
                Unit::Count,
                count(Outcome::AlreadyCurrent),
            ),
            (
                "GroupsSkipped",
                Unit::Count,
                count(Outcome::Skipped) + count(Outcome::Scanned),
            ),
            ("RunSeconds", Unit::Seconds, seconds.unsigned_abs()),
            ("InstanceSeconds", Unit::Seconds, instance_seconds),
        ]);
    }
}
