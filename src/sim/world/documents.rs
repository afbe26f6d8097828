//! Command documents: their work and their parameters.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// How long a script step may run if nothing says otherwise, seconds.
const SCRIPT_TIMEOUT_SECONDS: i64 = 3600;
/// How long a patch step may run if nothing says otherwise, seconds (older documents: 7200).
const PATCH_TIMEOUT_SECONDS: i64 = 7200;

/// A command document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// Whether it is a patch operation, as `AWS-RunPatchBaseline` is.
    pub patches: bool,
    /// The exit code of its script.
    pub exit_code: i32,
    /// `Linux`, `Windows`.
    pub platforms: Vec<String>,
    /// Its steps, with the platform each is for.
    pub steps: Vec<(String, String)>,
    /// Its parameters.
    pub parameters: BTreeMap<String, Rule>,
    /// Which parameter sets the step's timeout.
    pub timeout_parameter: Option<String>,
    /// Its content as it was created, if it was; JSON.
    pub content: Option<String>,
    /// How long its step may run, seconds, if its content says that.
    pub timeout_seconds: Option<i64>,
}

/// The content of a command document, as far as it is modelled: one step.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    schema_version: String,
    main_steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    action: String,
    #[serde(default)]
    precondition: BTreeMap<String, (String, String)>,
    inputs: Inputs,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inputs {
    #[serde(default)]
    timeout_seconds: Option<String>,
}

/// The values that a parameter may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Whether it must be given.
    pub required: bool,
    /// The values allowed; empty: any.
    pub allowed: Vec<String>,
    /// The smallest and largest number allowed, if it is a number.
    pub range: Option<(i64, i64)>,
}

impl Rule {
    fn required(allowed: &[&str]) -> Self {
        Self {
            required: true,
            allowed: allowed.iter().map(|a| (*a).to_owned()).collect(),
            range: None,
        }
    }

    fn one_of(allowed: &[&str]) -> Self {
        Self {
            required: false,
            ..Self::required(allowed)
        }
    }

    fn number(least: i64, most: i64) -> Self {
        Self {
            range: Some((least, most)),
            ..Self::default()
        }
    }
}

impl Document {
    /// A document in the manner of `AWS-RunPatchBaseline`.
    pub fn patching(name: &str, parameters: BTreeMap<String, Rule>) -> Self {
        let step = |name: &str, platform: &str| (name.to_owned(), platform.to_owned());
        Self {
            name: name.to_owned(),
            patches: true,
            exit_code: 0,
            platforms: vec!["Linux".into(), "Windows".into()],
            steps: vec![step("PatchWindows", "Windows"), step("PatchLinux", "Linux")],
            parameters,
            timeout_parameter: Some("StepTimeoutSeconds".into()),
            content: None,
            timeout_seconds: None,
        }
    }

    /// A document of one script step.
    pub fn script(
        name: &str,
        step: &str,
        platforms: &[&str],
        parameters: BTreeMap<String, Rule>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            patches: false,
            exit_code: 0,
            platforms: platforms.iter().map(|p| (*p).to_owned()).collect(),
            steps: vec![(step.to_owned(), String::new())],
            parameters,
            timeout_parameter: Some("executionTimeout".into()),
            content: None,
            timeout_seconds: None,
        }
    }

    /// Its content, JSON. Of a document that nobody created here: its parameters and the names of its steps.
    pub fn content(&self) -> String {
        if let Some(content) = &self.content {
            return content.clone();
        }
        let parameters = self.parameters.iter().map(|(name, rule)| {
            let mut parameter = json!({"type": "String"});
            if !rule.required {
                parameter["default"] = json!("");
            }
            if !rule.allowed.is_empty() {
                parameter["allowedValues"] = json!(rule.allowed);
            }
            (name.clone(), parameter)
        });
        let parameters: serde_json::Map<String, Value> = parameters.collect();
        let steps = self.steps.iter().map(|(name, platform)| {
            json!({
                "name": name,
                "action": if platform == "Windows" { "aws:runPowerShellScript" } else { "aws:runShellScript" },
                "inputs": {"runCommand": []},
            })
        });
        let steps: Vec<Value> = steps.collect();
        json!({"schemaVersion": "2.2", "parameters": parameters, "mainSteps": steps}).to_string()
    }

    /// A document of one script step and without parameters, created with this content.
    ///
    /// # Errors
    /// The content is none of these, in words.
    pub fn created(name: &str, content: &str) -> Result<Self, String> {
        let read: Content = serde_json::from_str(content).map_err(|e| e.to_string())?;
        let [step] = read.main_steps.as_slice() else {
            return Err("expected one step".into());
        };
        if read.schema_version != "2.2" || !step.action.starts_with("aws:run") {
            return Err("expected schemaVersion 2.2 and a step that runs a script".into());
        }
        let platform = step.precondition.get("StringEquals");
        let platforms = match platform {
            Some((key, platform)) if key == "platformType" => vec![platform.as_str()],
            Some(_) => return Err("expected a precondition on platformType".into()),
            None => vec!["Linux", "Windows"],
        };
        let mut document = Self::script(name, &step.name, &platforms, BTreeMap::new());
        document.timeout_parameter = None;
        let seconds = step.inputs.timeout_seconds.as_deref();
        document.timeout_seconds = seconds.and_then(|s| s.parse().ok());
        document.content = Some(content.to_owned());
        Ok(document)
    }

    /// A document that an account made for itself.
    pub fn custom(
        name: &str,
        patches: bool,
        exit_code: i32,
        platforms: impl Iterator<Item = &'static str>,
        parameters: &[String],
        required: &[String],
    ) -> Self {
        let rule = |required| Rule {
            required,
            ..Rule::default()
        };
        let optional = parameters.iter().map(|p| (p.clone(), rule(false)));
        let own = optional.chain(required.iter().map(|p| (p.clone(), rule(true))));
        let platforms: Vec<&str> = platforms.collect();
        let mut document = if patches {
            // Its operation has a default: it installs.
            let mut rules = patch_baseline_parameters();
            rules.values_mut().for_each(|r| r.required = false);
            rules.extend(own);
            Self::patching(name, rules)
        } else {
            let mut rules = script_parameters();
            rules.values_mut().for_each(|r| r.required = false);
            rules.extend(own);
            Self::script(name, "run", &platforms, rules)
        };
        document.exit_code = exit_code;
        document.platforms = platforms.into_iter().map(str::to_owned).collect();
        document
    }

    /// How long its step may run with these parameters, seconds.
    pub fn execution_timeout_seconds(&self, parameters: &BTreeMap<String, Vec<String>>) -> i64 {
        let default = if self.patches {
            PATCH_TIMEOUT_SECONDS
        } else {
            self.timeout_seconds.unwrap_or(SCRIPT_TIMEOUT_SECONDS)
        };
        self.timeout_parameter
            .as_ref()
            .and_then(|name| parameters.get(name)?.first()?.parse().ok())
            .unwrap_or(default)
    }

    /// The first thing that is wrong with these parameters, in words.
    pub fn check(&self, parameters: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
        for (name, values) in parameters {
            let Some(rule) = self.parameters.get(name) else {
                return Err(format!("{name} is not a parameter of {}", self.name));
            };
            for value in values {
                rule.check(name, value)?;
            }
        }
        match self
            .parameters
            .iter()
            .find(|(name, rule)| rule.required && !parameters.contains_key(*name))
        {
            Some((name, _)) => Err(format!("{} requires the parameter {name}", self.name)),
            None => Ok(()),
        }
    }
}

impl Rule {
    fn check(&self, name: &str, value: &str) -> Result<(), String> {
        if !self.allowed.is_empty() && !self.allowed.iter().any(|a| a == value) {
            let allowed = self.allowed.join(", ");
            return Err(format!(
                "{name}: expected one of [{allowed}], found '{value}'"
            ));
        }
        if let Some((least, most)) = self.range
            && !value.parse().is_ok_and(|n| (least..=most).contains(&n))
        {
            return Err(format!(
                "{name}: expected a number from {least} to {most}, found '{value}'"
            ));
        }
        Ok(())
    }
}

/// The parameters of `AWS-RunPatchBaseline`.
pub fn patch_baseline_parameters() -> BTreeMap<String, Rule> {
    let mut rules = BTreeMap::from([
        ("Operation".to_owned(), Rule::required(&["Scan", "Install"])),
        (
            "RebootOption".to_owned(),
            Rule::one_of(&["RebootIfNeeded", "NoReboot"]),
        ),
        ("StepTimeoutSeconds".to_owned(), Rule::number(1, 36_000)),
    ]);
    for any in [
        "SnapshotId",
        "InstallOverrideList",
        "BaselineOverride",
        "AssociationId",
    ] {
        rules.insert(any.to_owned(), Rule::default());
    }
    rules
}

fn script_parameters() -> BTreeMap<String, Rule> {
    BTreeMap::from([
        ("commands".to_owned(), Rule::required(&[])),
        ("workingDirectory".to_owned(), Rule::default()),
        ("executionTimeout".to_owned(), Rule::number(1, 172_800)),
    ])
}

/// The documents that an account has in which this program was set up.
pub fn set_up() -> BTreeMap<String, Document> {
    macro_rules! file {
        ($name:literal) => {
            (
                $name,
                include_str!(concat!("../../../runbooks/documents/", $name, ".json")),
            )
        };
    }
    let own = [
        file!("AsgPatch-ReadyLinux-1"),
        file!("AsgPatch-ReadyWindows-1"),
        file!("AsgPatch-SealLinux-1"),
        file!("AsgPatch-SealWindows-1"),
        file!("AsgPatch-ResetWindows-1"),
    ];
    let own = own.into_iter();
    let own = own.filter_map(|(name, content)| Document::created(name, content).ok());
    let own = own.map(|document| (document.name.clone(), document));
    built_in().into_iter().chain(own).collect()
}

/// The documents that every account has, as far as they are modelled.
pub fn built_in() -> BTreeMap<String, Document> {
    [
        Document::patching("AWS-RunPatchBaseline", patch_baseline_parameters()),
        Document::script(
            "AWS-RunShellScript",
            "aws:runShellScript",
            &["Linux"],
            script_parameters(),
        ),
        Document::script(
            "AWS-RunPowerShellScript",
            "aws:runPowerShellScript",
            &["Linux", "Windows"],
            script_parameters(),
        ),
    ]
    .into_iter()
    .map(|d| (d.name.clone(), d))
    .collect()
}
