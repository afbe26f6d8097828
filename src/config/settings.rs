//! The list of settings.

use super::kind::Kind;
use Kind::{Choice, List, Number, NumberOrPercent, Path, Percent, Switch, Text, Time};
use Trust::{Found, Named};

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Before the first header.
    Top,
    /// `[run]`
    Run,
    /// `[documents]`
    Documents,
    /// `[restore]`
    Restore,
    /// `[prune]`
    Prune,
    /// `[simulate]`
    Simulate,
    /// `[snapshot]`
    Snapshot,
    /// `[probe]`
    Probe,
}

impl Table {
    /// All, in the order of the file.
    pub const ALL: [Self; 8] = [
        Self::Top,
        Self::Run,
        Self::Documents,
        Self::Restore,
        Self::Prune,
        Self::Simulate,
        Self::Snapshot,
        Self::Probe,
    ];

    /// Its header without brackets; empty for the top.
    pub fn name(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Run => "run",
            Self::Documents => "documents",
            Self::Restore => "restore",
            Self::Prune => "prune",
            Self::Simulate => "simulate",
            Self::Snapshot => "snapshot",
            Self::Probe => "probe",
        }
    }

    /// The subject of its settings.
    pub fn about(self) -> &'static str {
        match self {
            Self::Top => "Settings of asg-patch's command line.",
            Self::Run => "How `run`, `plan` and `rehearse` go about it.",
            Self::Documents => "What groups may name in their tags beyond the standard.",
            Self::Restore => "How `restore` goes about it.",
            Self::Prune => "What `prune` keeps.",
            Self::Simulate => "The simulated account of `rehearse` and `simulate`.",
            Self::Snapshot => "What `snapshot` writes.",
            Self::Probe => "What `probe` launches.",
        }
    }
}

/// The files that may set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Any, also one that merely lies in a directory on the way up.
    Found,
    /// Only one that was named, by `--config` or `ASG_PATCH_CONFIG`.
    Named,
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its table in the file.
    pub table: Table,
    /// Its key there.
    pub key: &'static str,
    /// The flag that it stands for, without hyphens before it.
    pub flag: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// The files that may set it.
    pub trust: Trust,
    /// Variables of AWS that count for more than the file, as any variable does.
    pub aws_variables: &'static [&'static str],
    /// Its meaning, for editors and the page in the docs.
    pub about: &'static str,
}

impl Setting {
    /// Its place in the file: `run.duration`.
    pub fn path(&self) -> String {
        match self.table {
            Table::Top => self.key.into(),
            table => format!("{}.{}", table.name(), self.key),
        }
    }

    /// Its environment variable: the place in the file, as variables are written.
    pub fn variable(&self) -> String {
        let path = self.path().replace(['.', '-'], "_");
        format!("{}{}", super::PREFIX, path.to_ascii_uppercase())
    }
}

const fn of(
    table: Table,
    key: &'static str,
    kind: Kind,
    trust: Trust,
    about: &'static str,
) -> Setting {
    Setting {
        table,
        key,
        flag: key,
        kind,
        trust,
        aws_variables: &[],
        about,
    }
}

impl Setting {
    const fn flag(self, flag: &'static str) -> Self {
        Self { flag, ..self }
    }

    const fn after(self, aws_variables: &'static [&'static str]) -> Self {
        Self {
            aws_variables,
            ..self
        }
    }
}

const OPERATIONS: Kind = Choice(&["Install", "Scan"]);
const POLICIES: Kind = Choice(&["roll-back", "finish"]);
const FORMATS: Kind = Choice(&["table", "wide", "csv", "md", "json"]);

/// All settings, in the order of the file. Flags that are of one command line and no settings are not among them:
/// `--group`, `--why`, `--force`.
#[rustfmt::skip]
pub const SETTINGS: [Setting; 43] = [
    of(Table::Top, "region", Text, Found, "Region. AWS_REGION and AWS_DEFAULT_REGION count for more.").after(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
    of(Table::Top, "profile", Text, Named, "Profile in ~/.aws/config and ~/.aws/credentials. AWS_PROFILE and credentials in the environment count for more.").after(&["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"]),
    of(Table::Top, "endpoint-url", Text, Named, "Endpoint for all services of AWS. AWS_ENDPOINT_URL counts for more.").after(&["AWS_ENDPOINT_URL"]),
    of(Table::Top, "mac-key", Text, Named, "HMAC key of KMS (id, ARN or alias) that signs records; others are not believed."),
    of(Table::Top, "tag", Text, Named, "Tag KEY=VALUE by which groups opt in; the keys of their option tags begin with its key."),
    of(Table::Top, "pages-url", Text, Named, "Where the pages about the codes are published, for links in texts and messages."),
    of(Table::Top, "reports", Path, Named, "Directory in which runs keep their reports as JSON, and from which `history` reads them."),
    of(Table::Top, "prices", Path, Found, "TOML file of prices for the cost in plans and reports; without it, list prices of us-east-1."),
    of(Table::Top, "output", FORMATS, Found, "Form of results. A command whose result is no table takes csv and md from a file or the variable as table, and refuses the flag."),
    of(Table::Top, "quiet", Switch, Found, "Show no progress on stderr."),
    of(Table::Run, "duration", Time, Found, "Length of the window: all groups are restored this long after the start."),
    of(Table::Run, "cutoff", Time, Found, "Start no more groups this long before the end of the window."),
    of(Table::Run, "at-deadline", POLICIES, Found, "What becomes of a group that is not done when only the time for its restore is left."),
    of(Table::Run, "keep-failed", Number, Found, "Keep an image that its canary did not prove for this many days."),
    of(Table::Run, "before-document", Text, Named, "Automation runbook that is run before the first change to a group, by name or ARN."),
    of(Table::Run, "after-document", Text, Named, "Automation runbook that is run once a group's new version is deployed, by name or ARN."),
    of(Table::Run, "before-failure", Choice(&["stop", "go-on"]), Named, "What becomes of a group whose before-document fails: it stays unchanged, or is patched all the same."),
    of(Table::Run, "after-failure", Choice(&["roll-back", "keep"]), Named, "What becomes of a group whose after-document fails: it is rolled back, or keeps the new version."),
    of(Table::Run, "where", List, Named, "Of the groups that opted in only those with these tags, as KEY=VALUE[,VALUE]; * and ? are wildcards. Also of `status` and `snapshot`."),
    of(Table::Run, "operation", OPERATIONS, Found, "Install patches, or Scan to report only what is missing."),
    of(Table::Run, "max-in-flight", Number, Found, "Work on at most this many groups at once; 0 for no limit."),
    of(Table::Run, "max-failures", NumberOrPercent, Found, "Start no more groups once more than this have failed: a number, or a percentage of all groups."),
    of(Table::Run, "api-share", Percent, Found, "Use at most this part of AWS's request rates."),
    of(Table::Run, "only-tagged-templates", Switch, Found, "Change only launch templates that carry the opt-in tag themselves."),
    of(Table::Run, "publish-images", Switch, Named, "Write the id of each patched group's image into the parameter /asg-patch/images/GROUP; of `run` only."),
    of(Table::Run, "topic-arn", Text, Named, "SNS topic for the report; not used by `rehearse`."),
    of(Table::Documents, "allow", List, Named, "SSM documents that groups may name in their tags, by name or ARN.").flag("allow-document"),
    of(Table::Documents, "parameters", List, Named, "Parameters that groups may set, as DOCUMENT/PARAMETER.").flag("allow-parameter"),
    of(Table::Documents, "runbooks", List, Named, "Automation runbooks that groups and runs may name as their before- and after-documents, by name or ARN.").flag("allow-runbook"),
    of(Table::Documents, "runbook-roles", List, Named, "IAM roles, by ARN, with which these runbooks may run: with no other.").flag("runbook-role"),
    of(Table::Restore, "duration", Time, Found, "`restore` gives up after this long; the records of groups that are not restored stay."),
    of(Table::Prune, "keep", Number, Found, "`prune` keeps the newest images of each launch template, this many."),
    of(Table::Prune, "older-than", Time, Found, "`prune` keeps what was made, or last launched from, less than this ago."),
    of(Table::Prune, "grace", Time, Found, "`prune` deprecates an image for this long before it removes it."),
    of(Table::Simulate, "fleet", Path, Found, "Fleet file with the groups of the simulated account."),
    of(Table::Simulate, "seed", Number, Found, "Seed of all random values there."),
    of(Table::Simulate, "listen", Text, Found, "Loopback address on which `simulate` listens; port 0 chooses a free one."),
    of(Table::Simulate, "speed", Number, Found, "Simulated seconds per real second, for `simulate`."),
    of(Table::Snapshot, "missing", Number, Found, "Patches that a Scan is to find missing in each image of the fleet file."),
    of(Table::Probe, "image", Text, Named, "Image of the probe's instances."),
    of(Table::Probe, "instance-type", Text, Named, "Type of the probe's instances."),
    of(Table::Probe, "subnets", List, Named, "Subnets of the probe's groups.").flag("subnet"),
    of(Table::Probe, "instance-profile", Text, Named, "Instance profile that lets Systems Manager reach the probe's guests."),
];
