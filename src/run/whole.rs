//! A whole run in one process: restore what dead runs left, prepare, drive, report.

use tokio::sync::watch::Receiver;
use tracing::Instrument;

use super::assemble::{self, Heading, Results};
use super::drive::{Driver, GIVE_UP_AFTER, Listener};
use super::plan::bounds;
use super::prepare::{Prepared, prepare, sweep};
use super::send::send_report;
use super::{RunError, Stop, run_span, summary};
use crate::aws::Aws;
use crate::notify;
use crate::report::{RunKind, RunReport};
use crate::request::RunRequest;

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
    let run = Box::pin(run_to_its_end(aws, request, stop, progress));
    run.instrument(run_span(&request.run_id)).await
}

async fn run_to_its_end(
    aws: &Aws,
    request: &RunRequest,
    stop: Receiver<Stop>,
    progress: Listener<'_>,
) -> Result<RunReport, RunError> {
    let calls = aws.clients.count_from_now();
    let started_at = aws.clock.now();
    // Boxed: the compiler gives up on the depth of futures within futures.
    let swept = Box::pin(sweep(aws, stop.clone(), progress)).await?;
    let prepared = Box::pin(prepare(aws, request, &stop)).await?;
    let driver = Driver {
        aws,
        tag: &request.selection.tag,
        bounds: bounds(aws, request, prepared.groups()),
        give_up_at: request.restore_by() + GIVE_UP_AFTER,
    };
    let Prepared {
        mut jobs,
        refused,
        warnings,
    } = prepared;
    Box::pin(driver.drive(&mut jobs, stop.clone(), progress)).await?;
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
        warnings: [swept, warnings, overran].concat(),
    };
    let report = assemble::report(aws, heading, results);
    let mut report = report.asked(request.owner.clone(), &request.about);
    if let Some(topic) = &request.topic_arn {
        let message = notify::message(&report, None);
        let unsent = send_report(aws, &stop, topic, &message).await;
        report.warnings.extend(unsent);
        report.api_calls = calls.so_far();
    }
    Ok(report)
}
