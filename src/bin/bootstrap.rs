//! The Lambda function's entry: configuration once, then an answer for each invocation.

use std::io::Write;
use std::time::{Duration, SystemTime};

use asg_patch::aws::Aws;
use asg_patch::channels::Outside;
use asg_patch::clock::{CLOCK_VARIABLE, Clock, SimulatedClock};
use asg_patch::lambda::{Function, Settings};
use aws_config::BehaviorVersion;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log();
    let settings = Settings::read(|name| std::env::var(name).ok());
    let aws = aws().await?.at_share(settings.api_share);
    let outside = Outside::real(aws.clock.clone());
    let function = Function::new(aws, outside, settings, print);
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let (payload, context) = event.into_parts();
        let span = tracing::error_span!(
            "invocation",
            request_id = context.request_id,
            trace = context.xray_trace_id,
            action = payload.get("action").and_then(|a| a.as_str()),
        );
        let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
        let answer = function.answer(payload, deadline.into()).instrument(span);
        answer.await.map_err(|error| {
            tracing::error!(%error);
            Diagnostic {
                error_type: error.kind().into(),
                error_message: error.to_string(),
            }
        })
    }))
    .await
}

/// Embedded metrics go to standard output, where CloudWatch Logs finds them.
fn print(line: &str) {
    // If even this does not work, there is no one to report it to.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// One JSON object a line, as CloudWatch Logs Insights reads it. All spans, because each adds its part:
/// invocation, run, batch, group.
fn log() {
    let filter = std::env::var("ASG_PATCH_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_current_span(false)
        .with_span_list(true)
        .with_target(false)
        .init();
}

/// The account that the function's role and region name; on its own clock, if it is a simulated one.
async fn aws() -> Result<Aws, Error> {
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .sleep_impl(Clock::system())
        .time_source(Clock::system())
        .load()
        .await;
    let clock = match std::env::var(CLOCK_VARIABLE) {
        Ok(text) if !text.is_empty() => {
            let simulated: SimulatedClock = text.parse()?;
            simulated.clock(sdk.endpoint_url())?
        }
        _ => Clock::system(),
    };
    Ok(Aws::new(clock, sdk))
}
