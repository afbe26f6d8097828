use std::fmt::Write as _;

use expect_test::expect;
use serde_json::Value;

use super::*;
use crate::notices::{GroupNote, Notice, NoticeEvent, OwnWords, bare, sample, test_notice};

/// Everything as long as foreign text can be, and full of markup.
fn longest(event: NoticeEvent) -> Notice {
    let markup = "<!channel> & *a* \"b\" [c](https://d) ";
    let long = |chars: usize| {
        markup
            .repeat(chars / markup.len() + 1)
            .chars()
            .take(chars)
            .collect::<String>()
    };
    let mut notice = sample(event);
    notice.application = long(256);
    notice.environment = long(256);
    notice.reason = long(2_000);
    notice.window = long(300);
    notice.groups = (0..500)
        .map(|n| GroupNote {
            reason: long(3_000),
            ..GroupNote {
                group: format!("{n}{}", long(200)).into(),
                ..notice.groups[1].clone()
            }
        })
        .collect();
    notice.packages = (0..2_000).map(|n| format!("{n}-{}", long(60))).collect();
    notice.what_to_do = (0..50).map(|_| long(700)).collect();
    notice.run_id = Some(long(200).into());
    notice
}

/// The texts of blocks, one line each.
fn shown(message: &Value) -> String {
    let mut text = format!("text: {}\n", message["text"].as_str().unwrap());
    for block in message["blocks"].as_array().unwrap() {
        let kind = block["type"].as_str().unwrap();
        let parts = [&block["fields"], &block["elements"]];
        let parts = parts.into_iter().filter_map(Value::as_array).flatten();
        let parts = parts
            .chain(block.get("text"))
            .map(|p| p["text"].as_str().unwrap());
        let _ = writeln!(
            text,
            "{kind}: {}",
            parts
                .collect::<Vec<_>>()
                .join(" | ")
                .replace('\n', "\n    ")
        );
    }
    text
}

#[test]
fn slack_shows_a_window_and_its_details() {
    let words = OwnWords::default();
    let notice = sample(NoticeEvent::Ended);
    let head = slack::head(&notice, &words);
    let details = slack::details(&notice, &words, true).unwrap();
    expect![[r#"
        text: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched, 1 rolled back.
        header: Patching has ended: shop (Production)
        section: Patching of shop (Production) has ended: 1 patched, 1 rolled back.
        section: *Application*
            shop | *Environment*
            Production | *Window*
            14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC) | *Groups*
            2: 1 patched, 1 rolled back | *Packages*
            3 | *Images*
            16 GiB
        context: asg-patch run sched-20261014T040000Z-ab12, window nightly | <https://example.org/reports/sched-20261014T040000Z-ab12|The whole report>
        ---
        text: Patching has ended: shop (Production). Patching of shop (Production) has ended: 1 patched, 1 rolled back.
        section: Patching of shop (Production) has ended: 1 patched, 1 rolled back.
        section: *Groups*
            • shop-web: patched, size 0-4-0, image 16 GiB
            • shop-batch: rolled back (AP-0311), size 0-2-0, the patch command ended as Failed
        section: *Packages*
            • kernel-6.1.112
            • openssl-3.0.8
            • zlib-1.2.11
        section: *What to do*
            • AP-0311: read the command's output in Run Command; fix the package or the baseline, then run again
    "#]].assert_eq(&format!("{}---\n{}", shown(&head), shown(&details)));
    assert_eq!(
        head["metadata"]["event_payload"]["window"],
        "nightly-20261014T040000Z"
    );
    let scheduled = bare(NoticeEvent::Scheduled);
    assert_eq!(slack::details(&scheduled, &words, false), None);
    expect![[r#"
        text: Patching scheduled: shop (Production). shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
        header: Patching scheduled: shop (Production)
        section: shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).
        section: *Application*
            shop | *Environment*
            Production | *Window*
            14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC)
        context: asg-patch, window nightly
    "#]].assert_eq(&shown(&slack::whole(&scheduled, &words)));
}

#[test]
fn slack_takes_the_longest_notice() {
    let words = OwnWords::default();
    for event in NoticeEvent::ALL {
        let notice = longest(*event);
        let details = slack::details(&notice, &words, true).unwrap();
        for message in [
            slack::head(&notice, &words),
            slack::whole(&notice, &words),
            details,
        ] {
            let all = message["blocks"].to_string();
            assert!(all.chars().count() <= 12_000, "{}", all.chars().count());
            for block in message["blocks"].as_array().unwrap() {
                // A header is plain text.
                let is_plain = block["type"] == "header";
                assert!(
                    is_plain || !block.to_string().contains("<!channel>"),
                    "{block}"
                );
                let chars = |text: &Value| text["text"].as_str().map_or(0, |t| t.chars().count());
                let limit = if block["type"] == "header" {
                    150
                } else {
                    3_000
                };
                assert!(chars(&block["text"]) <= limit);
                let fields = block["fields"].as_array();
                assert!(fields.is_none_or(
                    |f| f.len() <= 10 && f.iter().all(|f| (1..=2_000).contains(&chars(f)))
                ));
            }
        }
        let whole = shown(&slack::whole(&notice, &words));
        assert!(
            whole.contains(" more groups") && whole.contains(" more packages: see the report"),
            "{whole}"
        );
    }
}

#[test]
fn teams_shows_a_card_in_its_envelope() {
    let message = teams::message(&sample(NoticeEvent::Ended), &OwnWords::default(), false);
    expect![[r#"
        {
          "type": "message",
          "attachments": [
            {
              "contentType": "application/vnd.microsoft.card.adaptive",
              "contentUrl": null,
              "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {
                  "width": "Full"
                },
                "body": [
                  {
                    "type": "TextBlock",
                    "text": "Patching has ended: shop \\(Production\\)",
                    "size": "Large",
                    "weight": "Bolder",
                    "color": "Good",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "Patching of shop \\(Production\\) has ended: 1 patched, 1 rolled back.",
                    "wrap": true
                  },
                  {
                    "type": "FactSet",
                    "facts": [
                      {
                        "title": "Application",
                        "value": "shop"
                      },
                      {
                        "title": "Environment",
                        "value": "Production"
                      },
                      {
                        "title": "Window",
                        "value": "14 October 2026 06:00 to 09:00 CEST \\(04:00 to 07:00 UTC\\)"
                      },
                      {
                        "title": "Groups",
                        "value": "2: 1 patched, 1 rolled back"
                      },
                      {
                        "title": "Packages",
                        "value": "3"
                      },
                      {
                        "title": "Images",
                        "value": "16 GiB"
                      }
                    ]
                  },
                  {
                    "type": "TextBlock",
                    "text": "Groups",
                    "weight": "Bolder",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "- shop-web: patched, size 0-4-0, image 16 GiB\n- shop-batch: rolled back \\(AP-0311\\), size 0-2-0, the patch command ended as Failed",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "Packages",
                    "weight": "Bolder",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "- kernel-6.1.112\n- openssl-3.0.8\n- zlib-1.2.11",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "What to do",
                    "weight": "Bolder",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "- AP-0311: read the command's output in Run Command; fix the package or the baseline, then run again",
                    "wrap": true
                  },
                  {
                    "type": "TextBlock",
                    "text": "asg-patch run sched-20261014T040000Z-ab12, window nightly",
                    "isSubtle": true,
                    "size": "Small",
                    "wrap": true
                  }
                ],
                "actions": [
                  {
                    "type": "Action.OpenUrl",
                    "title": "The whole report",
                    "url": "https://example.org/reports/sched-20261014T040000Z-ab12"
                  }
                ]
              }
            }
          ]
        }"#]].assert_eq(&serde_json::to_string_pretty(&message).unwrap());
    let bare = teams::message(&sample(NoticeEvent::Ended), &OwnWords::default(), true);
    assert_eq!(bare, message["attachments"][0]["content"]);
}

#[test]
fn teams_takes_the_longest_notice() {
    for event in NoticeEvent::ALL {
        let text = teams::message(&longest(*event), &OwnWords::default(), false).to_string();
        assert!(text.len() <= 20 * 1024, "{}", text.len());
        assert!(text.contains(" more packages: see the report"));
        // Markup of others is escaped: every bracket has its backslash.
        assert!(
            !text.contains(" [c](") && text.contains(r"\\[c\\]\\("),
            "{text}"
        );
    }
}

#[test]
fn a_public_page_shows_neither_groups_nor_reasons() {
    let words = OwnWords::default();
    let components = ["8kbf7d35c070".to_owned()];
    let made = statuspage::create(&sample(NoticeEvent::Scheduled), &words, &components);
    expect![[r#"
        {
          "incident": {
            "name": "Scheduled maintenance: shop (Production)",
            "status": "scheduled",
            "impact_override": "maintenance",
            "scheduled_for": "2026-10-14T04:00:00Z",
            "scheduled_until": "2026-10-14T07:00:00Z",
            "scheduled_remind_prior": true,
            "scheduled_auto_in_progress": true,
            "scheduled_auto_completed": false,
            "auto_transition_to_maintenance_state": true,
            "auto_transition_to_operational_state": true,
            "auto_transition_deliver_notifications_at_start": true,
            "auto_transition_deliver_notifications_at_end": true,
            "deliver_notifications": true,
            "body": "shop (Production) is patched on 14 October 2026 06:00 to 09:00 CEST (04:00 to 07:00 UTC).",
            "component_ids": [
              "8kbf7d35c070"
            ],
            "metadata": {
              "asg_patch": {
                "window": "nightly-20261014T040000Z",
                "app": "shop",
                "env": "Production"
              }
            }
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&made).unwrap());
    let mut ended = sample(NoticeEvent::Ended);
    expect![[r#"{"incident":{"status":"completed","body":"Patching of shop (Production) has ended.","components":{"8kbf7d35c070":"operational"},"deliver_notifications":true}}"#]].assert_eq(&statuspage::over(&ended, &words, &components).to_string());
    ended.groups[0].left_open = true;
    assert_eq!(
        statuspage::over(&ended, &words, &components)["incident"]["status"],
        "verifying"
    );
    for event in NoticeEvent::ALL {
        let long = longest(*event);
        for body in [
            statuspage::create(&long, &words, &components),
            statuspage::moved(&long, &words),
        ] {
            let text = body["incident"]["body"].as_str().unwrap();
            assert!(text.chars().count() <= 25_000 && !text.contains("<!channel>"));
            assert!(
                body["incident"]["name"]
                    .as_str()
                    .is_none_or(|n| n.chars().count() <= 255)
            );
        }
        let told = statuspage::moved(&sample(*event), &words).to_string();
        assert!(
            !told.contains("shop-web") && !told.contains("quarter"),
            "{told}"
        );
    }
}

#[test]
fn windows_of_checks_and_services() {
    let notice = sample(NoticeEvent::Scheduled);
    expect![[r#"{"description":"[asg-patch nightly-20261014T040000Z shop/Production b5b3cb62] patching","from":1791950400,"to":1791961200,"recurrencetype":"none","repeatevery":0,"effectiveto":1791961200,"uptimeids":[7,8]}"#]]
        .assert_eq(&pingdom::create(&notice, 1_791_950_400, &[7, 8], false).to_string());
    assert_eq!(
        pingdom::create(&notice, 1, &[7, 8], true)["uptimeids"],
        "7,8"
    );
    expect![[r#"{"maintenance_window":{"type":"maintenance_window","start_time":"2026-10-14T04:00:00Z","end_time":"2026-10-14T07:00:00Z","description":"[asg-patch nightly-20261014T040000Z shop/Production b5b3cb62] patching","services":[{"id":"PIJ90N7","type":"service_reference"}]}}"#]].assert_eq(&pagerduty::create(&notice, &["PIJ90N7".to_owned()]).to_string());
    // Names that run into each other, or are cut, are still others.
    let of = |application: &str, environment: &str| {
        let mut other = notice.clone();
        other.application = application.into();
        other.environment = environment.into();
        pingdom::mark(&other)
    };
    assert_ne!(of("a/b", "c"), of("a", "b/c"));
    assert_ne!(of(&"a".repeat(200), "c"), of(&"a".repeat(201), "c"));
    let long = longest(NoticeEvent::Scheduled);
    let description = pingdom::description(&long);
    assert!(description.chars().count() <= 200 && description.starts_with(&pingdom::mark(&long)));
}

#[test]
fn programs_get_json_below_its_limit() {
    let at = "2026-10-14T05:12:00Z".parse().unwrap();
    let words = OwnWords::default();
    expect![[r#"{"type":"patching.ended","timestamp":"2026-10-14T05:12:00Z","data":{"test":false,"window":"nightly-20261014T040000Z","window_name":"nightly","application":"shop","environment":"Production","planned":{"start":"2026-10-14T04:00:00Z","end":"2026-10-14T07:00:00Z","zone":"Europe/Berlin"},"planned_before":{"start":"2026-10-13T04:00:00Z","end":"2026-10-13T07:00:00Z","zone":"Europe/Berlin"},"title":"Patching has ended: shop (Production)","text":"Patching of shop (Production) has ended: 1 patched, 1 rolled back.","reason":"the freeze of the quarter's end","groups":[{"group":"shop-web","outcome":"patched","code":null,"left_open":false,"size":{"min":0,"max":4,"desired":0},"image_gib":16,"reason":""},{"group":"shop-batch","outcome":"rolled_back","code":"AP-0311","left_open":false,"size":{"min":0,"max":2,"desired":0},"image_gib":null,"reason":"the patch command ended as Failed"}],"groups_left_out":0,"outcomes":{"patched":1,"rolled_back":1},"packages":["kernel-6.1.112","openssl-3.0.8","zlib-1.2.11"],"packages_left_out":0,"what_to_do":["AP-0311: read the command's output in Run Command; fix the package or the baseline, then run again"],"run_id":"sched-20261014T040000Z-ab12","report_url":"https://example.org/reports/sched-20261014T040000Z-ab12","pages_url":null}}"#]].assert_eq(&webhook::body(&sample(NoticeEvent::Ended), &words, at));
    for event in NoticeEvent::ALL {
        let notice = longest(*event);
        let body = webhook::body(&notice, &words, at);
        assert!(body.len() <= 19 * 1024, "{}", body.len());
        let body: Value = serde_json::from_str(&body).unwrap();
        let packages = body["data"]["packages"].as_array().unwrap().len();
        assert_eq!(
            packages + body["data"]["packages_left_out"].as_u64().unwrap() as usize,
            2_000
        );
    }
    let id = webhook::id(&sample(NoticeEvent::Ended), "intake");
    assert!(
        !id.contains('.') && id != webhook::id(&sample(NoticeEvent::Begun), "intake"),
        "{id}"
    );
}

#[test]
fn a_test_is_marked_everywhere() {
    let notice = test_notice("2026-10-14T05:12:00Z".parse().unwrap(), chrono_tz::Tz::UTC);
    let words = OwnWords::default();
    let ids = ["a".to_owned()];
    for text in [
        slack::whole(&notice, &words).to_string(),
        teams::message(&notice, &words, false).to_string(),
        statuspage::create(&notice, &words, &ids).to_string(),
        pingdom::create(&notice, 2, &[1], false).to_string(),
        pagerduty::create(&notice, &ids).to_string(),
    ] {
        assert!(text.contains("TEST "), "{text}");
    }
    let made = statuspage::create(&notice, &words, &ids);
    assert_eq!(made["incident"]["deliver_notifications"], false);
}
