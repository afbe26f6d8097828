//! Command documents: their work and their parameters.

use std::collections::BTreeMap;

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
        }
    }

    /// A document that an account made for itself.
    pub fn custom(
        name: &str,
        patches: bool,
        exit_code: i32,
        platforms: impl Iterator<Item = &'static str>,
        parameters: &[String],
    ) -> Self {
        let own = parameters.iter().map(|p| (p.clone(), Rule::default()));
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
            SCRIPT_TIMEOUT_SECONDS
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
