//! A whole run in one process: restore what dead runs left, prepare, drive, report.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch::Receiver;
use tracing::Instrument;

use super::assemble::{self, Heading, Results};
use super::drive::{Driver, GIVE_UP_AFTER, Listener};
use super::notices::{Announcer, BY_HAND, BegunAt, WindowSetup};
use super::plan::bounds;
use super::prepare::{Prepared, prepare, sweep};
use super::send::send_report;
use super::{RunError, Stop, run_span, summary};
use crate::aws::{Aws, Refreshes};
use crate::channels::Outside;
use crate::group::fault::Fault;
use crate::group::{Code, Failure};
use crate::ids::RunId;
use crate::notify;
use crate::report::{GroupReport, RunKind, RunReport};
use crate::request::RunRequest;

/// So long a run waits for channels at its end.
const TELLING: TimeDelta = TimeDelta::minutes(10);
/// So long channels have for the groups that have failed by a moment; after that they learn it from the end of the run.
const TELLING_FAILED: TimeDelta = TimeDelta::minutes(2);
/// Failed groups of one notice: as many as it names.
const FAILED_AT_ONCE: usize = 50;

/// Carries out a run to its end and sends the report.
///
/// # Errors
/// Planning failed (nothing was touched), or the operator stopped the run: records remain.
pub async fn run(
    aws: &Aws,
    request: &RunRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    run_telling(aws, request, None, stop, progress).await
}

/// The same, and tells channels that it begins, which groups have failed while it goes on, and how it ended.
///
/// # Errors
/// Those of [`run`], and a notice that its window demands and that was not sent: nothing was touched.
pub async fn run_telling(
    aws: &Aws,
    request: &RunRequest,
    told: Option<&RunNotices<'_>>,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    let run = Box::pin(run_to_its_end(aws, request, told, stop, progress));
    run.instrument(run_span(&request.run_id)).await
}

/// The channels of a run in one process.
#[derive(Clone, Copy, Debug)]
pub struct RunNotices<'a> {
    /// The way to them.
    pub outside: &'a Outside,
    /// Channels and routes.
    pub setup: &'a WindowSetup,
}

impl<'a> RunNotices<'a> {
    fn announcer(&self, aws: &'a Aws, by: DateTime<Utc>) -> Announcer<'a> {
        Announcer {
            aws,
            outside: self.outside,
            setup: self.setup,
            by,
        }
    }

    /// Tells that the run begins; answers warnings for its report.
    async fn begun(
        &self,
        aws: &Aws,
        request: &RunRequest,
        prepared: &Prepared,
    ) -> Result<Vec<String>, RunError> {
        let announcer = self.announcer(aws, request.window.cutoff);
        let window = request.about.window.as_deref();
        let run = BegunAt {
            request,
            window: window.unwrap_or(BY_HAND),
            is_by_hand: window.is_none(),
        };
        match Box::pin(announcer.begun(run, &prepared.places())).await {
            Ok((_, Some(lacking))) => Err(RunError::Refused(Failure::new(
                Code::NoticeNotSent,
                lacking,
            ))),
            Ok((said, None)) => Ok(said.warnings()),
            Err(fault) if self.setup.is_required_for(run.window) && !run.is_by_hand => Err(
                RunError::Refused(Failure::new(Code::NoticeNotSent, fault.to_failure().reason)),
            ),
            Err(fault) => Ok(vec![untold(&fault)]),
        }
    }

    /// Tells groups that have failed, beside the run, until no more can come; answers warnings for its report.
    async fn failed(
        &self,
        aws: &Aws,
        run_id: &RunId,
        mut failed: UnboundedReceiver<GroupReport>,
    ) -> Vec<String> {
        let (mut warnings, mut groups) = (Vec::new(), Vec::new());
        while failed.recv_many(&mut groups, FAILED_AT_ONCE).await > 0 {
            let announcer = self.announcer(aws, aws.clock.now() + TELLING_FAILED);
            let all: Vec<&GroupReport> = groups.iter().collect();
            warnings.extend(match Box::pin(announcer.failed(run_id, &all)).await {
                Ok(said) => said.warnings(),
                Err(fault) => vec![untold(&fault)],
            });
            groups.clear();
        }
        warnings
    }

    async fn ended(&self, aws: &Aws, report: &RunReport) -> Vec<String> {
        let announcer = self.announcer(aws, aws.clock.now() + TELLING);
        match Box::pin(announcer.ended(report, None)).await {
            Ok(said) => said.warnings(),
            Err(fault) => vec![untold(&fault)],
        }
    }
}

fn untold(fault: &Fault) -> String {
    format!("notices were not sent: {}", fault.to_failure().reason)
}

async fn run_to_its_end(
    aws: &Aws,
    request: &RunRequest,
    told: Option<&RunNotices<'_>>,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    let calls = aws.clients.count_from_now();
    let started_at = aws.clock.now();
    // Boxed: the compiler gives up on the depth of futures within futures.
    let swept = Box::pin(sweep(aws, stop.clone(), progress)).await?;
    let prepared = Box::pin(prepare(aws, request, Refreshes::Sought, &stop)).await?;
    let unsent = match told {
        Some(told) => told.begun(aws, request, &prepared).await?,
        None => Vec::new(),
    };
    let (failed, failures) = unbounded_channel();
    let driver = Driver {
        aws,
        tag: &request.selection.tag,
        bounds: bounds(aws, request, prepared.groups()),
        give_up_at: request.restore_by() + GIVE_UP_AFTER,
        failed: told.is_some().then_some(failed),
    };
    let Prepared {
        mut jobs,
        refused,
        warnings,
    } = prepared;
    let driving = async {
        let driven = Box::pin(driver.drive(&mut jobs, stop.clone(), progress)).await;
        // Ends the telling.
        drop(driver);
        driven
    };
    let telling = async {
        Ok(match told {
            Some(told) => told.failed(aws, &request.run_id, failures).await,
            None => Vec::new(),
        })
    };
    // Side by side: patching never waits for a channel.
    let ((), untold) = try_join(driving, Box::pin(telling)).await?;
    let mut groups = summary::of_jobs(&jobs);
    let overran = summary::overruns(&jobs, request.window.deadline, &mut groups);
    groups.extend(refused);
    let heading = Heading {
        run_id: request.run_id.clone(),
        kind: RunKind::Run,
        started_at,
        deadline: request.window.deadline,
    };
    let results = Results {
        groups,
        api_calls: calls.so_far(),
        warnings: [swept, warnings, overran, unsent, untold].concat(),
    };
    let report = assemble::report(aws, heading, results);
    let mut report = report.asked(request.owner.clone(), &request.about);
    if let Some(told) = told {
        report.warnings.extend(told.ended(aws, &report).await);
        report.api_calls = calls.so_far();
    }
    if let Some(topic) = &request.topic_arn {
        let message = notify::message(&report, None);
        let unsent = send_report(aws, &stop, topic, &message).await;
        report.warnings.extend(unsent);
        report.api_calls = calls.so_far();
    }
    Ok(report)
}
