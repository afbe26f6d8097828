//! Groups whose image another tool sets: its next deployment takes the patched image from them again. Pure.

use std::collections::BTreeMap;

use super::facts::{AccountFacts, GroupFacts};

/// CloudFormation writes this tag on what it makes, and lets nobody else write it.
const STACK_TAG: &str = "aws:cloudformation:stack-name";
/// Keys of tags by which people say which tool made something, without case and separators.
const TOOL_KEYS: [&str; 8] = [
    "managedby",
    "createdby",
    "provisionedby",
    "deployedby",
    "provisioner",
    "iac",
    "tool",
    "terraform",
];
/// Tools that set what they made to what their own files say, by a part of such a tag's value, and their names.
const TOOLS: [(&str, &str); 4] = [
    ("terraform", "Terraform"),
    ("opentofu", "OpenTofu"),
    ("terragrunt", "Terragrunt"),
    ("pulumi", "Pulumi"),
];

/// That another tool will set the old image again, unless it learns of the new one.
pub(super) fn note(group: &GroupFacts, account: &AccountFacts) -> Option<String> {
    let templates = group.pins.iter();
    let templates = templates.filter_map(|p| account.templates.get(&p.template));
    let of_templates = templates.map(|t| (format!("launch template {}", t.name), &t.tags));
    let all: Vec<_> = of_templates
        .chain([("the group".to_owned(), &group.tags)])
        .collect();
    let owner = |of: fn(&BTreeMap<String, String>) -> Option<String>| {
        all.iter()
            .find_map(|(what, tags)| Some((what.clone(), of(tags)?)))
    };
    let (what, owner) = owner(stack).or_else(|| owner(tool))?;
    Some(format!(
        "{owner} owns {what}: when it changes that next, it sets the image that its own files name, unless these read the \
         image that runs publish (--publish-images)"
    ))
}

fn stack(tags: &BTreeMap<String, String>) -> Option<String> {
    let stack = tags.get(STACK_TAG)?;
    Some(format!("the CloudFormation stack {stack}"))
}

/// The tool that tags name, as far as such tags are usual: nobody writes them for us.
fn tool(tags: &BTreeMap<String, String>) -> Option<String> {
    tags.iter().find_map(|(key, value)| {
        let letters = key.chars().filter(char::is_ascii_alphanumeric);
        let key = letters.collect::<String>().to_ascii_lowercase();
        let value = value.trim().to_ascii_lowercase();
        let is_yes = key == "terraform" && !["false", "no", "0"].contains(&value.as_str());
        let named = TOOLS.iter().find(|(word, _)| value.contains(word));
        let tool = match named {
            Some((_, name)) if TOOL_KEYS.contains(&key.as_str()) => name,
            Some(_) | None if is_yes => "Terraform",
            Some(_) | None => return None,
        };
        Some(format!("{tool}, as its tags say,"))
    })
}

#[cfg(test)]
mod tests {
    use super::tool;

    #[test]
    fn tags_name_the_tool() {
        let found = |key: &str, value: &str| tool(&[(key.to_owned(), value.to_owned())].into());
        for (key, value, expected) in [
            ("ManagedBy", "terraform", Some("Terraform")),
            ("managed-by", "Terraform v1.9", Some("Terraform")),
            ("terraform", "true", Some("Terraform")),
            ("Terraform", "", Some("Terraform")),
            ("terraform", "false", None),
            ("IaC", "OpenTofu", Some("OpenTofu")),
            ("created_by", "pulumi", Some("Pulumi")),
            ("Name", "terraform-runner", None),
            ("managed-by", "ops", None),
        ] {
            let expected = expected.map(|tool| format!("{tool}, as its tags say,"));
            assert_eq!(found(key, value), expected, "{key}={value}");
        }
    }
}
