//! The message as SNS takes it with `MessageStructure=json`.

use serde_json::{Map, Value};

use super::Message;

/// One JSON object: `default` and a key per protocol, every value a string.
/// Source: SNS Publish, "MessageStructure".
pub fn to_sns_json(message: &Message) -> String {
    let mut body = Map::new();
    let mut put = |key: &str, text: &str| body.insert(key.into(), Value::from(text));
    put("default", &message.default);
    put("email", &message.email);
    put("sms", &message.sms);
    for protocol in ["email-json", "sqs", "lambda", "http", "https"] {
        put(protocol, &message.queue_json);
    }
    Value::Object(body).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::notify::{message, to_sns_json};
    use crate::report::sample;

    #[test]
    fn every_value_is_a_string_and_queues_get_json_in_it() {
        let body = to_sns_json(&message(&sample::run(), None));
        let body: Value = serde_json::from_str(&body).unwrap();
        let body = body.as_object().unwrap();
        let keys: Vec<&str> = body.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "default",
                "email",
                "sms",
                "email-json",
                "sqs",
                "lambda",
                "http",
                "https"
            ]
        );
        assert!(body.values().all(Value::is_string));
        let queue: Value = serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap();
        assert_eq!(queue["run_id"], "cli-20261014T040000Z-ab12");
    }
}
