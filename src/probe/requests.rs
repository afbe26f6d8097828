//! Beliefs about requests and answers as such, and about parameters. Nothing is launched.

use super::bench::Bench;
use super::settings::PARAMETERS;
use super::trouble::{Answer, Trouble, answer};

/// An instance id that no instance has: a termination of it ends nothing, whatever is made of the request.
const NOBODY: &str = "i-00000000000000000";

/// DryRun of a termination of an instance that does not exist; then the headers of the answers so far.
pub(super) async fn answers(bench: &Bench) -> Result<(), Trouble> {
    let call = bench.aws.clients.ec2.terminate_instances();
    let sent = call.instance_ids(NOBODY).dry_run(true).send().await;
    let code = match answer("ec2:TerminateInstances", sent.map(|_| ()))? {
        Answer::Given(()) => String::new(),
        Answer::Refused(code) => code,
    };
    let variant = match code.as_str() {
        "DryRunOperation" => Some("first"),
        code if code.starts_with("InvalidInstanceID") => Some("after-validation"),
        _ => None,
    };
    let found = format!("a DryRun that names an unknown instance: {code}");
    bench.variant("dry-run-order", variant, found);
    let (dated, all) = bench.tap.dates();
    let variant = match dated {
        0 => Some("never"),
        dated if dated == all => Some("always"),
        _ => None,
    };
    let found = format!("{dated} of {all} answers had a Date");
    bench.variant("date-header", variant, found);
    Ok(())
}

/// A parameter that is made twice.
pub(super) async fn parameter(bench: &Bench) -> Result<(), Trouble> {
    let put = async |value: &str| {
        let call = bench.aws.clients.ssm.put_parameter();
        let call = call
            .name(format!("{PARAMETERS}{}/once", bench.settings.id))
            .r#type(aws_sdk_ssm::types::ParameterType::String)
            .overwrite(false)
            .value(value);
        answer("ssm:PutParameter", call.send().await.map(|_| ()))
    };
    if let Answer::Refused(code) = put("first").await? {
        return Err(Trouble::Unseen(format!("PutParameter was refused: {code}")));
    }
    let again = put("second").await?;
    let found = format!("the second PutParameter: {}", again.words());
    let holds = again.code() == Some("ParameterAlreadyExists");
    bench.holds("parameter-made-once", holds, found);
    Ok(())
}
