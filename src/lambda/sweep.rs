//! The sweep's findings beside groups to restore.

use chrono::{DateTime, Utc};

use super::Settings;
use crate::aws::{Aws, Claim, Claims, Held, KEPT_CLAIM, claim_run, list_claims, list_records};
use crate::group::Code;
use crate::group::fault::Fault;
use crate::group::seen::RecordSeen;
use crate::ids::RunId;
use crate::notices::LATE;
use crate::run::RecordFilter;
use crate::text::short_hash;
use crate::trigger::{Asked, BY_HAND};

/// A sweep's findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around {
    pub records: u64,
    pub records_past_deadline: u64,
    pub window_missed: bool,
    /// Records and claims without a valid signature.
    pub unsigned: u64,
}

/// Looks at all records and claims.
///
/// # Errors
/// Parameter Store could not be read, or did not take the claim that marks when watching began.
pub(super) async fn look_around(aws: &Aws, settings: &Settings) -> Result<Around, Fault> {
    let now = aws.clock.now();
    let records = list_records(&aws.clients).await?;
    let is_past = |record: &&RecordSeen| match record {
        RecordSeen::Readable(record) => record.deadline <= now,
        RecordSeen::Unreadable { .. } => true,
    };
    let records_past_deadline = records.values().filter(is_past).count() as u64;
    let is_unsigned = |record: &&RecordSeen| match record {
        RecordSeen::Readable(_) => false,
        RecordSeen::Unreadable { problem, .. } => problem.code == Code::NotOurs,
    };
    let mut unsigned: Vec<String> = records
        .iter()
        .filter(|(_, record)| is_unsigned(record))
        .map(|(parameter, _)| parameter.clone())
        .collect();
    let since = Claim {
        run_id: since(settings),
        owner: settings.stack.clone(),
        at: now,
        is_of_some: false,
    };
    let Claims {
        mut claims,
        unsigned: unsigned_claims,
    } = list_claims(&aws.clients).await?;
    unsigned.extend(unsigned_claims);
    if !claims.iter().any(|c| c.run_id == since.run_id) {
        match claim_run(&aws.clients, &since).await? {
            Held::By(claim) => claims.push(claim),
            // Watching begins when this is gone.
            Held::Unsigned(parameter) => unsigned.push(parameter),
        }
    }
    for parameter in &unsigned {
        tracing::error!(code = %Code::NotOurs, parameter, "left alone");
    }
    let window_missed = missed(settings, &claims, now).is_some_and(|due| {
        tracing::error!(%due, "no run has begun since the window opened");
        true
    });
    Ok(Around {
        records: records.len() as u64,
        records_past_deadline,
        window_missed,
        unsigned: unsigned.len() as u64,
    })
}

/// The name of the claim whose time is that since which this schedule is watched: a new schedule begins anew.
fn since(settings: &Settings) -> RunId {
    let watched = format!("{} {:?}", settings.stack, settings.schedule);
    format!("{KEPT_CLAIM}{}", short_hash(&watched)).into()
}

/// The last time that a run was due, if none has begun since.
fn missed(settings: &Settings, claims: &[Claim], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (schedule, zone) = settings.schedule.as_ref().ok()?.as_ref()?;
    let late = LATE + settings.flexible;
    let due = schedule.last_before(*zone, now - late)?;
    let since = since(settings);
    // A run of one group by hand does not make up for a window.
    let is_of_some = |c: &Claim| c.is_of_some && c.run_id.starts_with(BY_HAND);
    let is_run = |c: &&Claim| !c.run_id.starts_with(KEPT_CLAIM) && !is_of_some(c);
    let watched = claims.iter().any(|c| c.run_id == since && c.at < due);
    let begun = claims.iter().filter(is_run).any(|c| c.at >= due);
    (watched && !begun).then_some(due)
}

/// The records that an execution that ended badly has left; `None` if there are none of its own. An operator who
/// stops a restore wants it to stop: only sweeps go on with it.
pub(super) fn left_by(dead: String, status: &str, input: Option<&Asked>) -> Option<RecordFilter> {
    let was_stopped = status == "ABORTED";
    match input {
        None | Some(Asked::Run(_)) => Some(RecordFilter::OwnedBy(dead)),
        Some(Asked::Plan(_) | Asked::Prune(_) | Asked::Approve { .. } | Asked::Sweep) => None,
        Some(Asked::Restore { .. } | Asked::Dead { .. }) if was_stopped => None,
        Some(Asked::Restore { groups, force }) => {
            Some(RecordFilter::named_or_due(groups.clone(), *force))
        }
        Some(Asked::Dead {
            execution,
            status,
            input,
        }) => left_by(execution.clone(), status, input.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn a_window_without_a_run_is_noticed() {
        let settings = Settings::read(|name| {
            let value = match name {
                "ASG_PATCH_SCHEDULE" => "cron(0 4 ? * WED#2 *)",
                "ASG_PATCH_FLEXIBLE_MINUTES" => "15",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let claim = |run_id: &str, text: &str| Claim {
            run_id: run_id.into(),
            owner: "x".into(),
            at: at(text),
            is_of_some: run_id.ends_with("one-group"),
        };
        let kept = since(&settings);
        let since = claim(&kept, "2026-10-01T00:00:00Z");
        let rows = [
            // Wednesday, the 14th; late by an hour and a quarter at most.
            (vec![since.clone()], "2026-10-14T05:14:59Z", None),
            (
                vec![since.clone()],
                "2026-10-14T05:15:00Z",
                Some("2026-10-14T04:00:00Z"),
            ),
            (
                vec![since.clone(), claim("run", "2026-10-14T04:00:03Z")],
                "2026-10-14T06:00:00Z",
                None,
            ),
            (
                vec![
                    since.clone(),
                    claim("exec-one-group", "2026-10-14T04:00:03Z"),
                ],
                "2026-10-14T06:00:00Z",
                Some("2026-10-14T04:00:00Z"),
            ),
            // A schedule may name its groups.
            (
                vec![
                    since.clone(),
                    claim("sched-one-group", "2026-10-14T04:00:03Z"),
                ],
                "2026-10-14T06:00:00Z",
                None,
            ),
            (
                vec![since, claim("run", "2026-10-14T04:00:03Z")],
                "2026-11-12T06:00:00Z",
                Some("2026-11-11T04:00:00Z"),
            ),
            // Deployed since.
            (
                vec![claim(&kept, "2026-10-20T00:00:00Z")],
                "2026-10-21T06:00:00Z",
                None,
            ),
            (vec![], "2026-10-21T06:00:00Z", None),
        ];
        for (claims, now, expected) in rows {
            assert_eq!(
                missed(&settings, &claims, at(now)),
                expected.map(at),
                "{now}"
            );
        }
    }

    #[test]
    fn a_dead_execution_leaves_its_records() {
        let owned = || Some(RecordFilter::OwnedBy("dead".into()));
        let named = |name: &str| Asked::Restore {
            groups: vec![name.into()],
            force: false,
        };
        let of =
            |status: &str, input: Option<Asked>| left_by("dead".into(), status, input.as_ref());
        assert_eq!(of("ABORTED", None), owned());
        assert_eq!(of("TIMED_OUT", Some(Asked::Run(Box::default()))), owned());
        assert_eq!(of("FAILED", Some(Asked::Sweep)), None);
        assert_eq!(of("ABORTED", Some(named("web"))), None);
        assert_eq!(
            of("FAILED", Some(named("web"))),
            Some(RecordFilter::Named {
                groups: vec!["web".into()],
                force: false
            })
        );
        let sweep_of = |status: &str| Asked::Dead {
            execution: "first".into(),
            status: status.into(),
            input: None,
        };
        assert_eq!(
            of("FAILED", Some(sweep_of("ABORTED"))),
            Some(RecordFilter::OwnedBy("first".into()))
        );
        assert_eq!(of("ABORTED", Some(sweep_of("FAILED"))), None);
    }
}
