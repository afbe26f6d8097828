//! The consoles of instances that failed.

use ::console::strip_ansi_codes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::query::{Answers, Query, one_by_one};
use crate::aws::{Clients, fault};
use crate::group::console;
use crate::group::fault::{Fault, Read};
use crate::group::seen::Need;
use crate::ids::InstanceId;
use crate::text::plain_text;

const OPERATION: &str = "ec2:GetConsoleOutput";
/// Lines from the end that are kept, and the characters of each: a report with dozens of failed groups must still fit
/// into a state of 256 KiB.
const LINES: usize = 15;
const LINE_LIMIT: usize = 160;

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<String> {
    one_by_one(queries, Need::Console, |job| async move {
        let Some(instance) = console::troubled(job) else {
            return Read::Absent;
        };
        match latest(clients, instance).await {
            Ok(Some(output)) => Read::Present(end(&output)),
            Ok(None) => Read::Absent,
            Err(fault) => Read::Failed(fault),
        }
    })
    .await
}

/// The present console. Of instances that are not of the Nitro kind there is only what EC2 took down some minutes ago.
async fn latest(clients: &Clients, instance: &InstanceId) -> Result<Option<String>, Fault> {
    let present = output(clients, instance, true).await;
    match present {
        Err(fault) if fault.code == "UnsupportedOperation" => {
            output(clients, instance, false).await
        }
        other => other,
    }
}

async fn output(
    clients: &Clients,
    instance: &InstanceId,
    latest: bool,
) -> Result<Option<String>, Fault> {
    clients.turn(OPERATION).await;
    let answer = clients
        .ec2
        .get_console_output()
        .instance_id(instance.as_str())
        .latest(latest)
        .send()
        .await
        .map_err(|e| fault(OPERATION, &e))?;
    Ok(answer.output().and_then(decoded))
}

/// EC2 sends it as Base64. It is evidence: what cannot be read is as good as nothing.
fn decoded(output: &str) -> Option<String> {
    let packed: String = output.split_whitespace().collect();
    let bytes = STANDARD.decode(packed).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines that say something, without what would colour or steer a terminal.
fn end(output: &str) -> String {
    let output = strip_ansi_codes(output);
    let lines = output.lines().map(plain_text).filter(|l| !l.is_empty());
    let lines: Vec<String> = lines.collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES));
    let cut = last.map(|line| line.chars().take(LINE_LIMIT).collect::<String>());
    cut.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Canned, Reply};
    use crate::clock::Clock;

    fn answer(output: &str) -> Reply {
        let output = STANDARD.encode(output);
        Reply::ok(format!(
            "<GetConsoleOutputResponse><instanceId>i-1</instanceId><output>{output}</output>\
             </GetConsoleOutputResponse>"
        ))
    }

    #[tokio::test]
    async fn an_older_kind_of_instance_has_what_was_taken_down() {
        let canned = Canned::new(|call| {
            if call.body.contains("Latest=true") {
                Reply::ec2_error("UnsupportedOperation")
            } else {
                answer("Kernel panic\r\n")
            }
        });
        let clients = canned::clients(&canned, Clock::system());
        let found = latest(&clients, &"i-1".into()).await;
        assert_eq!(found, Ok(Some("Kernel panic\r\n".into())));
        assert_eq!(canned.bodies().len(), 2);
    }

    #[test]
    fn only_the_last_lines_are_kept_and_none_of_them_can_steer_a_terminal() {
        let mut output: String = (0..100).map(|n| format!("line {n}\n\n")).collect();
        output.push_str("[\u{1b}[0;1;31mFAILED\u{1b}[0m] Failed to start sshd\u{7}\n");
        output.push_str(&"x".repeat(LINE_LIMIT * 2));
        let end = end(&output);
        assert_eq!(end.lines().count(), LINES);
        assert!(!end.contains('\u{1b}'), "{end}");
        assert!(end.contains("\n[FAILED] Failed to start sshd\n"), "{end}");
        assert!(end.lines().all(|l| l.chars().count() <= LINE_LIMIT));
        assert_eq!(decoded("not base64!"), None);
    }
}
