//! The check of an Automation runbook's content: it must run with a role of its own.
//!
//! A runbook that assumes no role runs with the permissions of who starts it: the run's own. Everyone who may write such a
//! runbook would have them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::automation::{PARAMETERS, RoleGiven, Runbook};
use crate::text::{plain_text, shortened};

/// The only form that runbooks have (Systems Manager User Guide, document schemas).
const SCHEMA: &str = "0.3";
/// The account's id, as a runbook can write it.
const ACCOUNT: &str = "global:ACCOUNT_ID";
/// Characters of a found value that a reason shows.
const SHOWN: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    schema_version: Option<Value>,
    assume_role: Option<Value>,
    #[serde(default)]
    parameters: BTreeMap<String, Declared>,
}

#[derive(Deserialize)]
struct Declared {
    #[serde(rename = "type")]
    kind: Option<Value>,
    default: Option<Value>,
}

/// Checks the content of a version of a runbook, in JSON.
///
/// # Errors
/// Why it is not run, in words: expected and found.
pub fn check(
    document: &str,
    version: u64,
    content: &str,
    roles: &BTreeSet<String>,
) -> Result<Runbook, String> {
    let wrong = |expected: &str, found: &str| {
        let found = shortened(&plain_text(found), SHOWN);
        format!("runbook {document} (version {version}): expected {expected}, found {found}")
    };
    let read: Content = serde_json::from_str(content)
        .map_err(|e| wrong("an Automation runbook in JSON", &e.to_string()))?;
    let schema = read.schema_version.as_ref();
    if schema.and_then(Value::as_str) != Some(SCHEMA) {
        let found = schema.map_or("none".to_owned(), Value::to_string);
        return Err(wrong("schemaVersion \"0.3\"", &found));
    }
    let role = role(&read, roles).map_err(|(expected, found)| wrong(&expected, &found))?;
    let mut declares = BTreeSet::new();
    for (name, declared) in &read.parameters {
        let is_role = role.as_ref().is_some_and(|r| r.parameter == *name);
        let is_given = PARAMETERS.contains(&name.as_str());
        if is_given && !takes_text(declared) {
            let kind = declared
                .kind
                .as_ref()
                .map_or("none".to_owned(), Value::to_string);
            return Err(wrong(
                &format!("parameter {name} of the type String"),
                &kind,
            ));
        }
        if is_given {
            declares.insert(name.clone());
        } else if declared.default.is_none() && !is_role {
            let expected = format!(
                "no required parameters but {} and that of its role",
                PARAMETERS.join(", ")
            );
            return Err(wrong(&expected, name));
        }
    }
    Ok(Runbook {
        document: document.to_owned(),
        version,
        role,
        declares,
    })
}

fn takes_text(declared: &Declared) -> bool {
    let kind = declared.kind.as_ref().and_then(Value::as_str);
    // AWS::EC2::Image::Id and the like are texts.
    kind.is_some_and(|kind| kind == "String" || kind.starts_with("AWS::"))
}

/// The role that the runbook is to be given; none if it names an allowed one itself.
fn role(
    content: &Content,
    roles: &BTreeSet<String>,
) -> Result<Option<RoleGiven>, (String, String)> {
    let expected = || {
        let listed: Vec<&str> = roles.iter().map(String::as_str).collect();
        let listed = if listed.is_empty() {
            "none is".to_owned()
        } else {
            listed.join(", ")
        };
        format!(
            "assumeRole with a role that is allowed ({listed}), or with a parameter of the runbook"
        )
    };
    let refused = |found: String| Err((expected(), found));
    let Some(assumed) = &content.assume_role else {
        return refused(
            "no assumeRole: it would run with the permissions of the run itself".into(),
        );
    };
    let Some(text) = assumed.as_str() else {
        return refused(assumed.to_string());
    };
    let Some(name) = parameter(text) else {
        return match roles.iter().any(|role| is_role(text, role)) {
            true => Ok(None),
            false => refused(format!("'{text}'")),
        };
    };
    let Some(declared) = content.parameters.get(name) else {
        return refused(format!("'{text}', which is no parameter of it"));
    };
    let by_default = declared.default.as_ref().and_then(Value::as_str);
    let chosen = match by_default.and_then(|default| roles.get(default)) {
        Some(role) => Some(role),
        None if roles.len() == 1 => roles.first(),
        None => None,
    };
    match chosen {
        Some(_) if PARAMETERS.contains(&name) => {
            refused(format!("'{text}', a parameter that tells of the group"))
        }
        Some(role) => Ok(Some(RoleGiven {
            parameter: name.to_owned(),
            role: role.clone(),
        })),
        None => refused(format!(
            "parameter {name}, which has none of these by default"
        )),
    }
}

/// The parameter whose value a text is and nothing else: `{{ Name }}`.
fn parameter(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let is_name = !name.is_empty() && name.chars().all(char::is_alphanumeric);
    is_name.then_some(name)
}

/// Whether a text is a role's ARN, as it is or with the account's id as a runbook can write it.
fn is_role(text: &str, role: &str) -> bool {
    if text == role {
        return true;
    }
    let account = role.split(':').nth(4).unwrap_or_default();
    let Some((before, rest)) = text.split_once("{{") else {
        return false;
    };
    let Some((name, after)) = rest.split_once("}}") else {
        return false;
    };
    name.trim() == ACCOUNT && !after.contains("{{") && format!("{before}{account}{after}") == role
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/Acme-Drain";
    const OTHER: &str = "arn:aws:iam::111122223333:role/Acme-Other";

    fn checked(content: &str, roles: &[&str]) -> Result<Runbook, String> {
        let roles = roles.iter().map(|r| (*r).to_owned()).collect();
        check("Acme-Drain", 3, content, &roles)
    }

    fn with_role(role: &str, parameters: &str) -> String {
        format!(
            r#"{{"schemaVersion":"0.3","assumeRole":{role},"parameters":{{{parameters}}},"mainSteps":[]}}"#
        )
    }

    #[test]
    fn a_role_is_named_or_given() {
        for role in [
            format!("\"{ROLE}\""),
            "\"arn:aws:iam::{{global:ACCOUNT_ID}}:role/Acme-Drain\"".into(),
            "\"arn:aws:iam::{{ global:ACCOUNT_ID }}:role/Acme-Drain\"".into(),
        ] {
            let runbook = checked(&with_role(&role, ""), &[OTHER, ROLE]).unwrap();
            assert_eq!((runbook.version, runbook.role), (3, None), "{role}");
        }
        let given = Some(RoleGiven {
            parameter: "AutomationAssumeRole".into(),
            role: ROLE.into(),
        });
        for (declared, roles) in [
            (r#"{"type":"String"}"#.to_owned(), vec![ROLE]),
            (r#"{"type":"String","default":""}"#.to_owned(), vec![ROLE]),
            (
                r#"{"type":"AWS::IAM::Role::Arn","default":"arn:aws:iam::9:role/x"}"#.to_owned(),
                vec![ROLE],
            ),
            (
                format!(r#"{{"type":"String","default":"{ROLE}"}}"#),
                vec![OTHER, ROLE],
            ),
        ] {
            let parameters = format!(r#""AutomationAssumeRole":{declared}"#);
            let content = with_role(r#""{{ AutomationAssumeRole }}""#, &parameters);
            assert_eq!(checked(&content, &roles).unwrap().role, given, "{declared}");
        }
    }

    #[test]
    fn it_gets_what_it_declares_of_what_there_is() {
        let parameters = r#""AutoScalingGroupName":{"type":"String"},"ImageId":{"type":"AWS::EC2::Image::Id"},
            "Channel":{"type":"StringList","default":[]}"#;
        let runbook = checked(&with_role(&format!("\"{ROLE}\""), parameters), &[ROLE]).unwrap();
        let declared: Vec<&str> = runbook.declares.iter().map(String::as_str).collect();
        assert_eq!(declared, ["AutoScalingGroupName", "ImageId"]);
    }

    /// Those who may write the runbook must not get the run's own power by it.
    #[test]
    fn one_that_would_run_with_our_own_permissions_is_refused() {
        let given = r#""Role":{"type":"String"}"#;
        let rows: [(&str, &str, &[&str]); 19] = [
            ("null", "", &[ROLE]),
            ("\"\"", "", &[ROLE]),
            ("\" \"", "", &[ROLE]),
            ("7", "", &[ROLE]),
            ("[]", "", &[ROLE]),
            (r#"{"a":"b"}"#, "", &[ROLE]),
            (r#""{{ Role }}""#, "", &[ROLE]),
            (r#""{{ Role }}""#, given, &[]),
            (r#""{{ Role }}""#, given, &[OTHER, ROLE]),
            (r#""{{ Role }}{{ Role }}""#, given, &[ROLE]),
            (r#""{{}}""#, given, &[ROLE]),
            (r#""{{ global:ACCOUNT_ID }}""#, given, &[ROLE]),
            (r#""{{ variable:Role }}""#, given, &[ROLE]),
            (r#""{{ step.Role }}""#, given, &[ROLE]),
            (
                r#""arn:aws:iam::111122223333:role/{{ Role }}""#,
                given,
                &[ROLE],
            ),
            (
                r#""arn:aws:iam::{{ global:ACCOUNT_ID }}:role/{{ Role }}""#,
                given,
                &[ROLE],
            ),
            (
                r#""arn:aws:iam::111122223333:role/Acme-Drain ""#,
                "",
                &[ROLE],
            ),
            (
                r#""arn:aws:iam::111122223333:role/Acme-Drain""#,
                "",
                &[OTHER],
            ),
            (
                r#""{{ ImageId }}""#,
                r#""ImageId":{"type":"String"}"#,
                &[ROLE],
            ),
        ];
        for (role, parameters, roles) in rows {
            let refused = checked(&with_role(role, parameters), roles).unwrap_err();
            assert!(
                refused.contains("expected assumeRole with a role"),
                "{refused}"
            );
        }
        let bare = r#"{"schemaVersion":"0.3","mainSteps":[]}"#;
        let refused = checked(bare, &[ROLE]).unwrap_err();
        assert_eq!(
            refused,
            "runbook Acme-Drain (version 3): expected assumeRole with a role that is allowed \
             (arn:aws:iam::111122223333:role/Acme-Drain), or with a parameter of the runbook, found no assumeRole: it \
             would run with the permissions of the run itself"
        );
    }

    #[test]
    fn hostile_contents_are_refused_in_words() {
        let bomb = format!(
            r#"{{"schemaVersion":"0.3","assumeRole":"{}"}}"#,
            "x".repeat(70_000)
        );
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let doubled = format!(
            r#"{{"schemaVersion":"0.3","assumeRole":"{ROLE}","assumeRole":"","mainSteps":[]}}"#
        );
        for content in [
            "",
            "null",
            "[]",
            "description: a runbook in YAML\nassumeRole: x\n",
            r#"{"schemaVersion":"2.2","mainSteps":[]}"#,
            r#"{"schemaVersion":0.3}"#,
            r#"{"schemaVersion":"0.3","assumeRole":"a\u0000\nb\u001b[31m"}"#,
            r#"{"schemaVersion":"0.3","parameters":[]}"#,
            &bomb,
            &deep,
            &doubled,
        ] {
            let refused = checked(content, &[ROLE]).unwrap_err();
            assert!(refused.len() < 500, "{}", refused.len());
            assert!(!refused.contains(char::is_control), "{refused:?}");
        }
        let required = with_role(&format!("\"{ROLE}\""), r#""Ticket":{"type":"String"}"#);
        let refused = checked(&required, &[ROLE]).unwrap_err();
        assert!(refused.ends_with("found Ticket"), "{refused}");
        let list = with_role(&format!("\"{ROLE}\""), r#""ImageId":{"type":"StringList"}"#);
        let refused = checked(&list, &[ROLE]).unwrap_err();
        assert!(
            refused.contains("parameter ImageId of the type String"),
            "{refused}"
        );
    }
}
