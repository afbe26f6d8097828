//! The message as Amazon Q Developer in chat applications shows it.
//! Source: its "Custom notifications"; limits from there, too.

use serde_json::{Value, json};

use super::Message;
use crate::report::fit;
use crate::text::{short_hash, shortened};

/// Characters of a title or summary.
const TITLE_LIMIT: usize = 250;
/// Characters of the text.
const DESCRIPTION_LIMIT: usize = 8_000;
/// Characters of a next step.
const STEP_LIMIT: usize = 350;
/// Next steps that are shown: the reader takes the first ones, and the whole list is in the e-mail.
const STEPS: usize = 5;

/// The custom notification. Messages of one run are one thread.
pub fn chat(message: &Message) -> Value {
    let description = shortened(&message.email, DESCRIPTION_LIMIT);
    let (steps, _) = fit::first(&message.next_steps, STEPS);
    let steps = steps.iter().map(|s| shortened(s, STEP_LIMIT));
    let steps: Vec<String> = steps.collect();
    let mut content = json!({
        "textType": "client-markdown",
        "title": shortened(&message.subject, TITLE_LIMIT),
        "description": description,
        "keywords": ["asg-patch"],
    });
    if !steps.is_empty() {
        content["nextSteps"] = json!(steps);
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "id": format!("{}/{}", message.run_id, short_hash(&message.default)),
        "content": content,
        "metadata": {
            "threadId": message.run_id,
            "summary": shortened(&message.default, TITLE_LIMIT),
            "eventType": "AsgPatch",
            "additionalContext": message.attributes(),
        },
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::chat;
    use crate::notify::message;
    use crate::report::sample;

    #[test]
    fn a_run_in_a_channel() {
        let mut run = sample::run();
        run.groups.truncate(1);
        run.warnings.clear();
        let text = serde_json::to_string_pretty(&chat(&message(&run, None))).unwrap();
        expect![[r#"
            {
              "version": "1.0",
              "source": "custom",
              "id": "cli-20261014T040000Z-ab12/b78e66d2",
              "content": {
                "textType": "client-markdown",
                "title": "asg-patch eu-west-1: 1 group: 1 patched",
                "description": "asg-patch run cli-20261014T040000Z-ab12 in eu-west-1\n14 October 2026 04:00 UTC to 14 October 2026 05:12 UTC (1h 12m)\n\n1 group: 1 patched.\n\nPATCHED - new instances launch from the new image\n  * web-nightly-frankfurt: 12 patches, ami-0a1b2c3d4e5f60718 -> ami-0f9e8d7c6b5a40312, version $Latest (3) -> $Latest (4), 12m 05s\n    Note: the unknown option tag ep:asg:patch:wve was ignored: known are wave, image\n",
                "keywords": [
                  "asg-patch"
                ]
              },
              "metadata": {
                "threadId": "cli-20261014T040000Z-ab12",
                "summary": "asg-patch run eu-west-1: 1 group: 1 patched",
                "eventType": "AsgPatch",
                "additionalContext": {
                  "event": "ended",
                  "region": "eu-west-1",
                  "run_id": "cli-20261014T040000Z-ab12"
                }
              }
            }"#]].assert_eq(&text);
    }

    #[test]
    fn long_parts_are_cut() {
        let mut run = sample::run();
        run.run_id = "r".repeat(48).into();
        run.groups
            .extend((0..500).map(|i| sample::patched(&format!("group-{i:03}"))));
        let chat = chat(&message(&run, Some("https://example.com/")));
        let chars = |pointer: &str| {
            chat.pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .chars()
                .count()
        };
        assert!(chars("/content/title") <= 250);
        assert!((7_900..=8_000).contains(&chars("/content/description")));
        let steps = chat
            .pointer("/content/nextSteps")
            .unwrap()
            .as_array()
            .unwrap();
        assert!(!steps.is_empty() && steps.len() <= 5);
        assert!(
            steps
                .iter()
                .all(|s| s.as_str().unwrap().chars().count() <= 350)
        );
        assert_eq!(
            chat.pointer("/metadata/threadId").unwrap(),
            run.run_id.as_str()
        );
    }
}
