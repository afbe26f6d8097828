//! Beliefs about the guest's agent and commands: for an image with Linux, and an instance profile for it.

use aws_sdk_ssm::types::InstanceInformationStringFilter;

use super::bench::{Bench, LAUNCH, must};
use super::trouble::{Answer, Trouble, answer, given, present};

/// After its instance was terminated a command is looked at again: EC2 has turned the guest off by then.
const GONE: u64 = 180;

/// The same command twice, and one whose instance is terminated.
pub(super) async fn twice_and_left(bench: &Bench) -> Result<(), Trouble> {
    if bench.settings.instance_profile.is_none() {
        let why = "no --instance-profile was given: Systems Manager does not reach the guest";
        return Err(Trouble::Unseen(why.to_owned()));
    }
    bench.make((0, 1, 1)).await?;
    let id = bench.awake().await?;
    let online = async || Ok((ping(bench, &id).await? == "Online").then_some(()));
    bench.until(("the agent", LAUNCH), online).await?;
    let first = sent(bench, &id, "true").await?;
    let second = sent(bench, &id, "true").await?;
    for command in [&first, &second] {
        let ended = async || Ok((details(bench, command, &id).await? == "Success").then_some(()));
        bench
            .until(("the command's success", LAUNCH), ended)
            .await?;
    }
    let found = "the same command, sent twice, ran twice";
    bench.holds("command-without-token", first != second, found);
    let left = sent(bench, &id, "sleep 900").await?;
    must(bench.end(&id, true).await?, "the termination")?;
    bench.wait(GONE).await;
    let found = details(bench, &left, &id).await?;
    let variant = match found.as_str() {
        "Pending" | "InProgress" | "Delayed" => Some("times-out"),
        "Undeliverable" => Some("undeliverable"),
        _ => None,
    };
    let found = format!("{GONE} s after its instance was terminated it is '{found}'");
    bench.variant("command-on-dead-instance", variant, found);
    Ok(())
}

/// Sends a command; returns its id.
async fn sent(bench: &Bench, id: &str, script: &str) -> Result<String, Trouble> {
    let call = bench.aws.clients.ssm.send_command();
    let call = call
        .document_name("AWS-RunShellScript")
        .parameters("commands", vec![script.to_owned()])
        .comment(&bench.name)
        .instance_ids(id);
    let operation = "ssm:SendCommand";
    match answer(operation, call.send().await)? {
        Answer::Given(sent) => {
            let id = sent.command().and_then(|c| c.command_id());
            present(id.map(str::to_owned), operation)
        }
        Answer::Refused(code) => Err(Trouble::Unseen(format!("the command was refused: {code}"))),
    }
}

/// The status of a command on the instance, in detail and without spaces; empty while none is shown.
async fn details(bench: &Bench, command: &str, id: &str) -> Result<String, Trouble> {
    let call = bench.aws.clients.ssm.get_command_invocation();
    let call = call.command_id(command).instance_id(id);
    let answer = answer("ssm:GetCommandInvocation", call.send().await)?;
    Ok(match answer {
        Answer::Given(shown) => {
            let details = shown.status_details().unwrap_or_default();
            details.split_whitespace().collect()
        }
        Answer::Refused(_) => String::new(),
    })
}

/// The PingStatus of the instance; empty if it is not registered.
async fn ping(bench: &Bench, id: &str) -> Result<String, Trouble> {
    let filter = InstanceInformationStringFilter::builder()
        .key("InstanceIds")
        .values(id)
        .build();
    let operation = "ssm:DescribeInstanceInformation";
    let filter = present(filter.ok(), operation)?;
    let call = bench.aws.clients.ssm.describe_instance_information();
    let answer = given(operation, call.filters(filter).send().await)?;
    let node = answer.instance_information_list().first();
    let status = node.and_then(|n| n.ping_status());
    Ok(status.map_or_else(String::new, |s| s.as_str().to_owned()))
}
