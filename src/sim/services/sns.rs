//! SNS: topics, subscriptions, publishing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sim::services::query;
use crate::sim::wire::{ApiError, Call};
use crate::sim::world::World;
use crate::sim::world::topics::{Published, Sns, Subscription, Topic};

/// Body and attributes together.
const MESSAGE_BYTES: usize = 256 * 1024;
const PAGE: usize = 100;

/// Applies an SNS call to the world.
pub(super) fn call(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    match call.operation.as_str() {
        "CreateTopic" => create_topic(world, read(call)?),
        "DeleteTopic" => delete_topic(world, read(call)?),
        "ListTopics" => list_topics(world, read(call)?),
        "GetTopicAttributes" => topic_attributes(world, read(call)?),
        "Subscribe" => subscribe(world, read(call)?),
        "ListSubscriptionsByTopic" => subscriptions(world, read(call)?),
        "Publish" => publish(world, read(call)?),
        other => Err(ApiError::unsupported(format!("sns:{other}"))),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    query::read(call, "InvalidParameter")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(
        "InvalidParameter",
        format!("Invalid parameter: {}", message.into()),
    )
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateTopic {
    name: String,
    #[serde(default)]
    attributes: Vec<Entry>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<BTreeMap<String, String>>,
}

fn create_topic(world: &mut World, request: CreateTopic) -> Result<Value, ApiError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=256).contains(&request.name.len()) || !request.name.chars().all(legal) {
        return Err(invalid("Topic Name"));
    }
    let arn = Sns::arn(&world.region, &world.account, &request.name);
    world.sns.topics.entry(arn.clone()).or_insert(Topic {
        name: request.name,
        attributes: request
            .attributes
            .into_iter()
            .map(|e| (e.key, e.value))
            .collect(),
        subscriptions: Vec::new(),
    });
    Ok(json!({ "TopicArn": arn }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfTopic {
    topic_arn: String,
    next_token: Option<String>,
}

fn topic<'w>(world: &'w mut World, arn: &str) -> Result<&'w mut Topic, ApiError> {
    if !arn.starts_with("arn:") {
        return Err(invalid(format!(
            "TopicArn Reason: expected an ARN, found '{arn}'"
        )));
    }
    world
        .sns
        .topics
        .get_mut(arn)
        .ok_or_else(|| ApiError::with_status(404, "NotFound", "Topic does not exist"))
}

fn delete_topic(world: &mut World, request: OfTopic) -> Result<Value, ApiError> {
    world.sns.topics.remove(&request.topic_arn);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTopics {
    next_token: Option<String>,
}

fn list_topics(world: &World, request: ListTopics) -> Result<Value, ApiError> {
    let topics = world.sns.topics.keys();
    let keyed = topics.map(|arn| (arn.clone(), json!({ "TopicArn": arn })));
    let (rows, token) = query::page_of(keyed, request.next_token.as_deref(), PAGE)?;
    Ok(json!({"Topics": rows, "NextToken": token}))
}

fn topic_attributes(world: &mut World, request: OfTopic) -> Result<Value, ApiError> {
    let owner = world.account.clone();
    let topic = topic(world, &request.topic_arn)?;
    let mut attributes = topic.attributes.clone();
    attributes.insert("TopicArn".into(), request.topic_arn);
    attributes.insert("Owner".into(), owner);
    attributes.insert(
        "SubscriptionsConfirmed".into(),
        topic.subscriptions.len().to_string(),
    );
    attributes.insert("SubscriptionsPending".into(), "0".into());
    let entries: Vec<Value> = attributes
        .into_iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    Ok(json!({"Attributes": {"entry": entries}}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Subscribe {
    topic_arn: String,
    protocol: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default, rename = "Attributes")]
    _attributes: Vec<Entry>,
    #[serde(default, rename = "ReturnSubscriptionArn")]
    _return_subscription_arn: bool,
}

fn subscribe(world: &mut World, request: Subscribe) -> Result<Value, ApiError> {
    let id = world.new_uuid();
    let arn = format!("{}:{id}", request.topic_arn);
    topic(world, &request.topic_arn)?
        .subscriptions
        .push(Subscription {
            arn: arn.clone(),
            protocol: request.protocol,
            endpoint: request.endpoint,
        });
    Ok(json!({ "SubscriptionArn": arn }))
}

fn subscriptions(world: &mut World, request: OfTopic) -> Result<Value, ApiError> {
    let owner = world.account.clone();
    let topic = topic(world, &request.topic_arn)?;
    let row = |s: &Subscription| {
        json!({
            "SubscriptionArn": s.arn,
            "Owner": owner,
            "Protocol": s.protocol,
            "Endpoint": s.endpoint,
            "TopicArn": request.topic_arn,
        })
    };
    let keyed = (0_u64..)
        .zip(&topic.subscriptions)
        .map(|(n, s)| (format!("{n:020}"), row(s)));
    let (rows, token) = query::page_of(keyed, request.next_token.as_deref(), PAGE)?;
    Ok(json!({"Subscriptions": rows, "NextToken": token}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Publish {
    topic_arn: Option<String>,
    target_arn: Option<String>,
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    name: String,
    value: AttributeValue,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AttributeValue {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

fn publish(world: &mut World, request: Publish) -> Result<Value, ApiError> {
    let arn = request
        .topic_arn
        .or(request.target_arn)
        .ok_or_else(|| invalid("TopicArn or TargetArn Reason: no value for required parameter"))?;
    topic(world, &arn)?;
    if let Some(subject) = &request.subject {
        check_subject(subject)?;
    }
    let attributes = read_attributes(&request.message_attributes)?;
    let bytes = request.message.len()
        + attributes
            .iter()
            .map(|(k, v)| k.len() + v.len())
            .sum::<usize>();
    if request.message.is_empty() {
        return Err(invalid("Empty message"));
    }
    if bytes > MESSAGE_BYTES {
        return Err(invalid("Message too long"));
    }
    let by_protocol = match request.message_structure.as_deref() {
        None => BTreeMap::new(),
        Some("json") => protocol_texts(&request.message)?,
        Some(other) => {
            return Err(invalid(format!(
                "MessageStructure Reason: expected json, found '{other}'"
            )));
        }
    };
    let id = world.new_uuid();
    world.sns.published.push(Published {
        topic: arn,
        id: id.clone(),
        at: world.now,
        subject: request.subject,
        message: request.message,
        by_protocol,
        attributes,
    });
    Ok(json!({ "MessageId": id }))
}

/// ASCII, below 100 characters, nothing that breaks a mail header, and no space in front.
fn check_subject(subject: &str) -> Result<(), ApiError> {
    let legal = |c: char| c.is_ascii() && !c.is_ascii_control();
    let starts_well = subject.chars().next().is_some_and(|c| c.is_ascii_graphic());
    if subject.len() < 100 && subject.chars().all(legal) && starts_well {
        Ok(())
    } else {
        Err(invalid("Subject"))
    }
}

fn read_attributes(attributes: &[Attribute]) -> Result<BTreeMap<String, String>, ApiError> {
    let mut read = BTreeMap::new();
    for Attribute { name, value } in attributes {
        let kind = value.data_type.split('.').next().unwrap_or_default();
        let text = match kind {
            "String" | "Number" => value.string_value.as_deref(),
            "Binary" => value.binary_value.as_deref(),
            _ => None,
        };
        let Some(text) = text.filter(|t| !t.is_empty()) else {
            return Err(ApiError::new(
                "ParameterValueInvalid",
                format!("The message attribute '{name}' with type '{kind}' has no usable value."),
            ));
        };
        read.insert(name.clone(), text.to_owned());
    }
    Ok(read)
}

fn protocol_texts(message: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let parsed: Value = serde_json::from_str(message)
        .map_err(|_| invalid("Message Structure - JSON message body failed to parse"))?;
    let Value::Object(map) = parsed else {
        return Err(invalid(
            "Message Structure - JSON message body failed to parse",
        ));
    };
    if !map.contains_key("default") {
        return Err(invalid(
            "Message Structure - No default entry in JSON message body",
        ));
    }
    map.into_iter()
        .map(|(protocol, text)| match text {
            Value::String(text) => Ok((protocol, text)),
            _ => Err(invalid(format!(
                "Message Structure - the entry '{protocol}' is not a string"
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::wire;
    use chrono::DateTime;

    fn ask(world: &mut World, form: &[(&str, &str)]) -> Result<Value, ApiError> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .append_pair("Version", "2010-03-31")
            .finish();
        call(
            world,
            &wire::decode(wire::Asked::posted(None, body.as_bytes())).unwrap(),
        )
    }

    #[test]
    fn a_report_is_published_or_refused() {
        let mut world = World::new(DateTime::UNIX_EPOCH, 1);
        let made = ask(
            &mut world,
            &[("Action", "CreateTopic"), ("Name", "reports")],
        )
        .unwrap();
        let arn = made["TopicArn"].as_str().unwrap().to_owned();
        let long = "s".repeat(100);
        for (subject, message, code) in [
            ("ok", r#"{"default":"a","email":"b"}"#, None),
            ("ok", r#"{"email":"b"}"#, Some("InvalidParameter")),
            ("ok", r#"{"default":{"a":1}}"#, Some("InvalidParameter")),
            ("ok", "plain", Some("InvalidParameter")),
            ("zwölf", r#"{"default":"a"}"#, Some("InvalidParameter")),
            ("two\nlines", r#"{"default":"a"}"#, Some("InvalidParameter")),
            (&long, r#"{"default":"a"}"#, Some("InvalidParameter")),
        ] {
            let form = [
                ("Action", "Publish"),
                ("TopicArn", &arn),
                ("Subject", subject),
                ("Message", message),
                ("MessageStructure", "json"),
                ("MessageAttributes.entry.1.Name", "run"),
                ("MessageAttributes.entry.1.Value.DataType", "String"),
                ("MessageAttributes.entry.1.Value.StringValue", "7"),
            ];
            let error = ask(&mut world, &form).err().map(|e| e.code);
            assert_eq!(error.as_deref(), code, "{subject:?} {message}");
        }
        assert_eq!(world.sns.published.len(), 1);
        let published = &world.sns.published[0];
        assert_eq!(published.by_protocol["email"], "b");
        assert_eq!(published.attributes["run"], "7");
        let form = [
            ("Action", "Publish"),
            ("TopicArn", "arn:aws:sns:x:1:no"),
            ("Message", "m"),
        ];
        assert_eq!(ask(&mut world, &form).unwrap_err().code, "NotFound");
    }
    #[tokio::test(start_paused = true)]
    async fn the_sdk_reads_a_topic_with_its_attributes() {
        let account = crate::sim::fleet::parse(crate::sim::fleet::SAMPLE)
            .unwrap()
            .account(1);
        let sns = aws_sdk_sns::Client::new(&crate::sim::sdk::sdk_config(&account, "sns"));
        let topics = sns.list_topics().send().await.unwrap();
        let arn = topics.topics()[0].topic_arn().unwrap();
        let read = sns.get_topic_attributes().topic_arn(arn).send().await;
        let read = read.unwrap();
        assert_eq!(read.attributes().unwrap()["Owner"], "123456789012");
    }
}
