//! Neither addresses nor tokens are shown, whatever happens.

use asg_patch::channels::Channel;
use asg_patch::notices::{NoticeEvent, bare};
use asg_patch::secret::Secret;
use asg_patch::sim::parties::PartyFault;

use super::{BOT_TOKEN, HOOK, KEY, Outsiders, answer, bot, channel, hook, table};

#[tokio::test(start_paused = true)]
async fn what_a_service_repeats_of_a_secret_is_hidden() {
    let teams =
        "https://prod-7.westeurope.logic.azure.com/workflows/abcd1234efgh?sig=s3cr3tSIGNATURE";
    let channels = [
        (bot(), BOT_TOKEN, "abcdef987654"),
        (hook(), HOOK, "simulated0000"),
        (channel("teams", teams, ""), teams, "s3cr3tSIGNATURE"),
        (
            channel("webhook", KEY, "url = \"https://receiver.example.org/x\""),
            KEY,
            "C2FVsBQIhrscChlQIMV",
        ),
    ];
    for (channel, secret, telling) in channels {
        let echo = format!("cannot serve {secret}, that is {telling}: go away");
        for fault in [
            answer(403, &echo),
            answer(500, &echo),
            answer(200, &echo),
            PartyFault::ReplyLost,
            PartyFault::Hang,
        ] {
            let world = Outsiders::new();
            world.fault("", 9, fault);
            let said = match world.once(&channel, &bare(NoticeEvent::Begun)).await {
                Ok(receipt) => format!("{receipt:?} {}", serde_json::to_string(&receipt).unwrap()),
                Err(fault) => format!(
                    "{fault} {fault:?} {}",
                    serde_json::to_string(&fault).unwrap()
                ),
            };
            assert!(!said.contains(telling) && !said.contains(secret), "{said}");
            assert!(!format!("{channel:?}").contains(telling));
            let log = world.parties.with(|p| p.log.join(" "));
            assert!(!log.contains("s3cr3t"), "{log}");
        }
    }
}

/// A secret of another kind is refused in words that do not hold it.
#[test]
fn secrets_of_another_kind_are_refused_without_showing_them() {
    let rows = [
        (
            "slack-bot",
            "slack-channel = \"C0SIMULATED\"",
            "xoxp-111-222-user-token",
            "begins with xoxb-",
        ),
        ("slack-webhook", "", BOT_TOKEN, "begins with https://"),
        (
            "slack-webhook",
            "",
            "https://hooks.slack.com.example.org/services/T0/B0/x1234567",
            "hooks.slack.com",
        ),
        (
            "teams",
            "",
            "https://contoso.webhook.office.com/webhookb2/x1234567",
            "Microsoft has retired",
        ),
        (
            "teams",
            "hosts = [\"flows.example.org\"]",
            "https://169.254.169.254/x1234567",
            "a host outside",
        ),
        (
            "webhook",
            "url = \"https://receiver.example.org/x\"",
            "whsec_x1234567",
            "24 to 64 bytes",
        ),
        (
            "statuspage",
            "page = \"p\"",
            "two words x1234567",
            "a token",
        ),
    ];
    for (kind, extra, secret, expected) in rows {
        let error = Channel::new(&table(kind, extra), Secret::new(secret), None).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected), "{kind}: {text}");
        assert!(
            !text.contains("x1234567") && !text.contains("xoxp"),
            "{text}"
        );
    }
}
