//! The stack's settings, as the function's environment has them.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::kept;
use crate::aws::ApiShare;
use crate::group::allowed::{Allowed, AllowedDocuments};
use crate::group::allowed_runbooks::AllowedRunbooks;
use crate::request::{KeepDays, OptInTag, RequestError};
use crate::schedule::{AwsSchedule, Dialect};
use crate::trigger::{Defaults, Kept, TriggerError};

/// The settings that the stack was deployed with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A run's settings unless its input says otherwise.
    pub defaults: Defaults,
    /// Set if the settings of runs cannot be understood: no run begins then. Restores need none of them.
    pub problem: Option<TriggerError>,
    /// Where chat messages go.
    pub chat_topic_arn: Option<String>,
    /// The stack's name, in metrics.
    pub stack: String,
    /// When runs are due.
    pub schedule: Result<Option<(AwsSchedule, Tz)>, TriggerError>,
    /// How much later than due a run may begin.
    pub flexible: TimeDelta,
    /// The part of AWS's request rates that all batches of a run use together.
    pub api_share: ApiShare,
    /// The bounds within which runs work.
    pub allowed: Allowed,
    /// The HMAC key of KMS that signs records, claims and what travels between invocations; none: nothing is signed or checked.
    pub mac_key: Option<String>,
    /// The state machine whose executions alone begin something; none: every caller may.
    pub state_machine: Option<String>,
    /// The things that prunes keep although nobody uses them; an input may only add to these.
    pub kept: Result<Kept, TriggerError>,
    /// Whether runs publish the images of patched groups.
    pub publish_images: bool,
    /// Whether nothing begins without a stored file of settings: who deletes it would end freezes, rings and demands.
    pub requires_file: bool,
    /// The function's memory, MB, as Lambda says it; none where it does not.
    pub memory_mb: Option<u32>,
    /// The bucket where the state machine puts reports; none: they are not stored.
    pub report_bucket: Option<String>,
}

impl Settings {
    /// From the environment's variables, which all have a default.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| variable(name).filter(|v| !v.is_empty());
        let topic_arn = text("ASG_PATCH_TOPIC_ARN");
        let (defaults, problem) = match defaults(&text) {
            Ok(defaults) => (defaults, None),
            Err(problem) => (Defaults::default(), Some(problem)),
        };
        let (api_share, problem) = match api_share(&text) {
            Ok(share) => (share, problem),
            Err(wrong) => (ApiShare::default(), problem.or(Some(wrong))),
        };
        let (documents, problem) = match documents(&text) {
            Ok(documents) => (documents, problem),
            Err(wrong) => (AllowedDocuments::default(), problem.or(Some(wrong))),
        };
        let (runbooks, problem) = match runbooks(&text) {
            Ok(runbooks) => (runbooks, problem),
            Err(wrong) => (AllowedRunbooks::default(), problem.or(Some(wrong))),
        };
        let (only_tagged, problem) = match switch(&text, "ASG_PATCH_TEMPLATES_TAGGED") {
            Ok(only) => (only, problem),
            Err(wrong) => (true, problem.or(Some(wrong))),
        };
        let (requires_file, problem) = match switch(&text, "ASG_PATCH_FILE_REQUIRED") {
            Ok(required) => (required, problem),
            Err(wrong) => (true, problem.or(Some(wrong))),
        };
        let (publish_images, problem) = match switch(&text, "ASG_PATCH_PUBLISH_IMAGES") {
            Ok(publish) => (publish, problem),
            Err(wrong) => (false, problem.or(Some(wrong))),
        };
        let minutes = text("ASG_PATCH_FLEXIBLE_MINUTES").and_then(|m| m.parse().ok());
        Self {
            defaults: Defaults {
                topic_arn,
                pages_url: text("ASG_PATCH_PAGES_URL"),
                ..defaults
            },
            problem,
            chat_topic_arn: text("ASG_PATCH_CHAT_TOPIC_ARN"),
            stack: text("ASG_PATCH_STACK").unwrap_or_else(|| "asg-patch".into()),
            schedule: schedule(&text),
            flexible: TimeDelta::minutes(minutes.unwrap_or_default()),
            api_share,
            mac_key: text("ASG_PATCH_MAC_KEY"),
            state_machine: text("ASG_PATCH_STATE_MACHINE_ARN"),
            kept: kept::read(&text),
            publish_images,
            requires_file,
            memory_mb: text("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|mb| mb.parse().ok()),
            report_bucket: text("ASG_PATCH_REPORT_BUCKET"),
            allowed: Allowed {
                documents,
                runbooks,
                untagged_templates: !only_tagged,
            },
        }
    }
}

fn switch(text: &impl Fn(&str) -> Option<String>, name: &str) -> Result<bool, TriggerError> {
    match text(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(found) => Err(wrong(name, "true or false", found)),
    }
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|e| !e.is_empty())
}

/// Entries with commas between them. The role names the documents by their ARNs, so that here their names mean them.
fn documents(text: &impl Fn(&str) -> Option<String>) -> Result<AllowedDocuments, TriggerError> {
    const DOCUMENTS: &str = "ASG_PATCH_DOCUMENTS";
    const PARAMETERS: &str = "ASG_PATCH_DOCUMENT_PARAMETERS";
    let list = |name| text(name).unwrap_or_default();
    let (documents, parameters) = (list(DOCUMENTS), list(PARAMETERS));
    AllowedDocuments::of_role(entries(&documents), entries(&parameters)).map_err(|wrong| {
        TriggerError::field(
            format!("{DOCUMENTS}, {PARAMETERS}"),
            wrong.expected,
            wrong.found,
        )
    })
}

/// The same for the owners' Automation runbooks, and the roles with which these may run.
fn runbooks(text: &impl Fn(&str) -> Option<String>) -> Result<AllowedRunbooks, TriggerError> {
    const RUNBOOKS: &str = "ASG_PATCH_RUNBOOKS";
    const ROLES: &str = "ASG_PATCH_RUNBOOK_ROLES";
    let list = |name| text(name).unwrap_or_default();
    let (runbooks, roles) = (list(RUNBOOKS), list(ROLES));
    AllowedRunbooks::of_role(entries(&runbooks), entries(&roles)).map_err(|wrong| {
        TriggerError::field(format!("{RUNBOOKS}, {ROLES}"), wrong.expected, wrong.found)
    })
}

fn defaults(text: &impl Fn(&str) -> Option<String>) -> Result<Defaults, TriggerError> {
    let hours = |name: &str, default: TimeDelta| match text(name) {
        None => Ok(default),
        Some(found) => match found.parse() {
            Ok(n @ 0..=24) => Ok(TimeDelta::hours(n)),
            _ => Err(wrong(name, "a whole number of hours up to 24", &found)),
        },
    };
    let standard = Defaults::default();
    let standard_tag = standard.tag;
    Ok(Defaults {
        tag: OptInTag {
            key: text("ASG_PATCH_TAG_KEY").unwrap_or(standard_tag.key),
            value: text("ASG_PATCH_TAG_VALUE").unwrap_or(standard_tag.value),
        },
        operation: parsed("ASG_PATCH_OPERATION", text, standard.operation)?,
        duration: hours("ASG_PATCH_WINDOW_HOURS", standard.duration)?,
        cutoff: hours("ASG_PATCH_CUTOFF_HOURS", standard.cutoff)?,
        max_in_flight: match text("ASG_PATCH_MAX_IN_FLIGHT") {
            None => standard.max_in_flight,
            Some(found) => match found.parse::<usize>() {
                Ok(n) => Some(n).filter(|n| *n > 0),
                Err(_) => {
                    let expected = "a number of groups, 0 for no limit";
                    return Err(wrong("ASG_PATCH_MAX_IN_FLIGHT", expected, &found));
                }
            },
        },
        max_failures: parsed("ASG_PATCH_MAX_FAILURES", text, standard.max_failures)?,
        at_deadline: parsed("ASG_PATCH_AT_DEADLINE", text, standard.at_deadline)?,
        keep_failed: keep_failed(text)?,
        place_tags: standard.place_tags,
        topic_arn: None,
        pages_url: None,
    })
}

fn keep_failed(text: &impl Fn(&str) -> Option<String>) -> Result<Option<KeepDays>, TriggerError> {
    const NAME: &str = "ASG_PATCH_KEEP_FAILED_DAYS";
    let Some(found) = text(NAME).filter(|days| days != "0") else {
        return Ok(None);
    };
    let days = found.parse::<KeepDays>();
    days.map(Some)
        .map_err(|_| wrong(NAME, "a number of days, 0 to 90", &found))
}

fn api_share(text: &impl Fn(&str) -> Option<String>) -> Result<ApiShare, TriggerError> {
    const NAME: &str = "ASG_PATCH_API_SHARE";
    let found = text(NAME).unwrap_or_else(|| ApiShare::default().to_string());
    let wrong = |_| wrong(NAME, "a percentage from 1% to 100%", &found);
    found.parse().map_err(wrong)
}

fn schedule(
    text: &impl Fn(&str) -> Option<String>,
) -> Result<Option<(AwsSchedule, Tz)>, TriggerError> {
    let Some(expression) = text("ASG_PATCH_SCHEDULE") else {
        return Ok(None);
    };
    let dialect = match text("ASG_PATCH_TRIGGER").as_deref() {
        None | Some("Schedule") => Dialect::Scheduler,
        Some("MaintenanceWindow") => Dialect::MaintenanceWindow,
        Some(found) => {
            let expected = "Schedule or MaintenanceWindow";
            return Err(wrong("ASG_PATCH_TRIGGER", expected, found));
        }
    };
    let mut schedule = AwsSchedule::parse(dialect, &expression).map_err(TriggerError::Schedule)?;
    // Only maintenance windows have one.
    let offset = text("ASG_PATCH_SCHEDULE_OFFSET_DAYS").filter(|v| v != "0");
    if let (Some(found), Dialect::MaintenanceWindow) = (offset, dialect) {
        let days = found.parse().map_err(|_| {
            let expected = "a number of days";
            wrong("ASG_PATCH_SCHEDULE_OFFSET_DAYS", expected, &found)
        })?;
        schedule = schedule.with_offset(days).map_err(TriggerError::Schedule)?;
    }
    let zone = text("ASG_PATCH_SCHEDULE_TIMEZONE").unwrap_or_else(|| "UTC".into());
    let zone = zone.parse().map_err(|_| {
        let expected = "an IANA time zone such as Europe/Berlin";
        wrong("ASG_PATCH_SCHEDULE_TIMEZONE", expected, &zone)
    })?;
    Ok(Some((schedule, zone)))
}

fn parsed<T: std::str::FromStr<Err = RequestError>>(
    name: &str,
    text: &impl Fn(&str) -> Option<String>,
    default: T,
) -> Result<T, TriggerError> {
    text(name).map_or(Ok(default), |found| {
        found.parse().map_err(|problem| TriggerError::Setting {
            variable: name.to_owned(),
            problem,
        })
    })
}

fn wrong(name: &str, expected: &str, found: &str) -> TriggerError {
    TriggerError::field(name, expected, format!("'{found}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::FailureLimit;

    fn read(variables: &[(&str, &str)]) -> Settings {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name);
        Settings::read(|name| find(name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn everything_has_a_default() {
        let settings = read(&[("ASG_PATCH_TOPIC_ARN", "")]);
        assert_eq!(settings.defaults, Defaults::default());
        assert_eq!((settings.problem, settings.schedule), (None, Ok(None)));
        assert_eq!(settings.chat_topic_arn, None);
        let settings = read(&[
            ("ASG_PATCH_MAX_FAILURES", "10%"),
            ("ASG_PATCH_MAX_IN_FLIGHT", "0"),
            ("ASG_PATCH_SCHEDULE", "cron(0 4 ? * WED#2 *)"),
            ("ASG_PATCH_SCHEDULE_TIMEZONE", "Europe/Berlin"),
        ]);
        assert_eq!(settings.problem, None);
        assert_eq!(settings.defaults.max_failures, FailureLimit::Percent(10));
        assert_eq!(settings.defaults.max_in_flight, None);
        let kept = |days| {
            read(&[("ASG_PATCH_KEEP_FAILED_DAYS", days)])
                .defaults
                .keep_failed
        };
        assert_eq!((kept("0"), kept("7").map(u16::from)), (None, Some(7)));
        assert!(matches!(settings.schedule, Ok(Some(_))));
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let rows = [
            (
                "ASG_PATCH_MAX_FAILURES",
                "many",
                "ASG_PATCH_MAX_FAILURES: expected a number of groups",
            ),
            (
                "ASG_PATCH_KEEP_FAILED_DAYS",
                "91",
                "ASG_PATCH_KEEP_FAILED_DAYS: expected a number of days",
            ),
            (
                "ASG_PATCH_WINDOW_HOURS",
                "25",
                "ASG_PATCH_WINDOW_HOURS: expected a whole number of hours",
            ),
        ];
        for (name, value, expected) in rows {
            let settings = read(&[(name, value), ("ASG_PATCH_TOPIC_ARN", "arn:x")]);
            let problem = settings.problem.expect("wrong").to_string();
            assert!(problem.contains(expected), "{problem}");
            assert!(
                settings.defaults.topic_arn.is_some(),
                "to send a message about it"
            );
        }
        let settings = read(&[("ASG_PATCH_SCHEDULE", "cron(0 4 * * *)")]);
        let problem = settings.schedule.expect_err("wrong").to_string();
        assert!(problem.starts_with("ASG_PATCH_SCHEDULE: "), "{problem}");
    }
}
