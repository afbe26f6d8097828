//! Per-group options, read from tags that begin with the opt-in tag's key and a colon.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::proof::{Proof, ProofTags};
use super::{Code, Failure};
use crate::request::{AfterFailure, BeforeFailure, DocumentName, KeepDays, OwnersDocuments};

/// AWS's patch document.
pub(super) const PATCH_DOCUMENT: &str = "AWS-RunPatchBaseline";

/// The options that a group sets by tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// `wave`: lower waves are finished before higher ones start.
    pub wave: i32,
    /// `image`: `reboot` lets CreateImage reboot the guest; `no-reboot` (default) relies on sealing.
    pub reboot_image: bool,
    /// `seal`: how the guest is prepared before its image is made.
    pub seal: Seal,
    /// `canary`: prove the image by launching an instance (default on).
    pub canary: bool,
    /// `prove` and `prove-document`: the proof that the canary must give.
    #[serde(default)]
    pub prove: Proof,
    /// `document`: patch with this SSM document instead of `AWS-RunPatchBaseline`.
    pub document: Option<String>,
    /// `parameters`: `Key=Value;Key=Value` for the patch document.
    pub parameters: BTreeMap<String, String>,
    /// `tolerate-missing`: this many missing patches are accepted.
    pub tolerate_missing: u32,
    /// `share`: with `across-tags`, groups share an image although their instances get different tags.
    #[serde(default)]
    pub share_across_tags: bool,
    /// `max-generation`: an image descends from at most this number of runs, itself included.
    #[serde(default)]
    pub max_generation: Option<u32>,
    /// `keep-failed`: an image that its canary did not prove is kept for this number of days.
    #[serde(default)]
    pub keep_failed: Option<KeepDays>,
    /// `before-document`, `after-document`, `before-failure` and `after-failure`: the owner's own runbooks.
    #[serde(default, skip_serializing_if = "OwnersDocuments::is_empty")]
    pub documents: OwnersDocuments,
}

/// The preparation of a guest before its image is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seal {
    /// The image hygiene script runs.
    #[default]
    On,
    /// Nothing: the owner sees to it.
    Off,
    /// The script runs, and on Windows the launch agent is reset, so that the tasks of a first boot run again.
    Reset,
}

impl Seal {
    /// Whether the image hygiene script runs.
    pub fn runs(self) -> bool {
        match self {
            Self::On | Self::Reset => true,
            Self::Off => false,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            wave: 0,
            reboot_image: false,
            seal: Seal::On,
            canary: true,
            prove: Proof::Instance,
            document: None,
            parameters: BTreeMap::new(),
            tolerate_missing: 0,
            share_across_tags: false,
            max_generation: None,
            keep_failed: None,
            documents: OwnersDocuments::default(),
        }
    }
}

/// The outcome of reading: the options, notes for the owner, and the first value that cannot be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The options; the default where a value cannot be read.
    pub options: Options,
    /// Unknown option tags and combinations that the owner should know of.
    pub notes: Vec<String>,
    /// Refuses the group.
    pub refusal: Option<Failure>,
}

/// Reads the options from a group's tags. `prefix` is the opt-in tag's key.
pub fn read(tags: &BTreeMap<String, String>, prefix: &str) -> Reading {
    let mut reading = Reading::default();
    let mut proof = ProofTags::default();
    for (key, value) in tags {
        let Some(name) = key.strip_prefix(prefix).and_then(|k| k.strip_prefix(':')) else {
            continue;
        };
        if let Err(expected) = set(&mut reading, &mut proof, name, key, value.trim()) {
            reading.refusal.get_or_insert(Failure::new(
                Code::OptionInvalid,
                format!("tag {key}: expected {expected}, found '{value}'"),
            ));
        }
    }
    match proof.proof(prefix, reading.options.canary) {
        Ok((proof, note)) => {
            reading.options.prove = proof;
            reading.notes.extend(note);
        }
        Err(reason) => {
            let refusal = || Failure::new(Code::OptionInvalid, reason);
            reading.refusal.get_or_insert_with(refusal);
        }
    }
    if let Some(found) = reading.options.wrong_reboot() {
        reading.refusal.get_or_insert_with(|| {
            let [or_not, not] = REBOOT_OPTIONS;
            let reason = format!("tag {prefix}:parameters: expected {REBOOT}={or_not} or {REBOOT}={not}, found '{REBOOT}={found}'");
            Failure::new(Code::OptionInvalid, reason)
        });
    }
    if reading.options.reboot_image && reading.options.seal.runs() {
        reading.notes.push(format!(
            "{prefix}:image=reboot boots the guest after sealing, which makes host keys and machine id \
             again before the snapshot"
        ));
    }
    reading
}

fn set(
    reading: &mut Reading,
    proof: &mut ProofTags,
    name: &str,
    key: &str,
    value: &str,
) -> Result<(), String> {
    let options = &mut reading.options;
    match name {
        "wave" => {
            options.wave = value.parse().map_err(|_| "a whole number".to_owned())?;
        }
        "image" => options.reboot_image = choice(value, "reboot", "no-reboot")?,
        "seal" => options.seal = seal(value)?,
        "share" if value.eq_ignore_ascii_case("across-tags") => options.share_across_tags = true,
        "share" => return Err("'across-tags'".into()),
        "max-generation" => match value.parse() {
            Ok(n) if n > 0 => options.max_generation = Some(n),
            Ok(_) | Err(_) => return Err("a number of generations, 1 or more".into()),
        },
        "keep-failed" => options.keep_failed = Some(value.parse().map_err(|_| KeepDays::EXPECTED)?),
        "before-document" => {
            options.documents.before = Some(read_as(value, DocumentName::EXPECTED)?)
        }
        "after-document" => options.documents.after = Some(read_as(value, DocumentName::EXPECTED)?),
        "before-failure" => {
            options.documents.before_failure = Some(read_as(value, BeforeFailure::EXPECTED)?);
        }
        "after-failure" => {
            options.documents.after_failure = Some(read_as(value, AfterFailure::EXPECTED)?);
        }
        "canary" => options.canary = choice(value, "on", "off")?,
        "prove" => proof.set_kind(value)?,
        "prove-document" => proof.set_document(value)?,
        "document" if value.is_empty() => return Err("the name of an SSM document".into()),
        // The document by default has parameters by default.
        "document" => options.document = Some(value.to_owned()).filter(|v| v != PATCH_DOCUMENT),
        "parameters" => options.parameters = parameters(value)?,
        "tolerate-missing" => {
            options.tolerate_missing = value
                .parse()
                .map_err(|_| "a number of patches, 0 or more".to_owned())?;
        }
        _ => reading.notes.push(format!(
            "tag {key} is not an option that asg-patch knows; it has no effect"
        )),
    }
    Ok(())
}

fn read_as<T: FromStr>(value: &str, expected: &str) -> Result<T, String> {
    value.parse().map_err(|_| expected.to_owned())
}

fn seal(value: &str) -> Result<Seal, String> {
    let names = [("on", Seal::On), ("off", Seal::Off), ("reset", Seal::Reset)];
    names
        .into_iter()
        .find(|(name, _)| value.eq_ignore_ascii_case(name))
        .map(|(_, seal)| seal)
        .ok_or_else(|| "'on', 'off' or 'reset'".to_owned())
}

fn choice(value: &str, yes: &str, no: &str) -> Result<bool, String> {
    match value {
        v if v.eq_ignore_ascii_case(yes) => Ok(true),
        v if v.eq_ignore_ascii_case(no) => Ok(false),
        _ => Err(format!("'{yes}' or '{no}'")),
    }
}

fn parameters(value: &str) -> Result<BTreeMap<String, String>, String> {
    value
        .split(';')
        .filter(|p| !p.trim().is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((k, v)) if !k.trim().is_empty() => Ok((k.trim().to_owned(), v.trim().to_owned())),
            _ => Err("Key=Value pairs with ';' between".to_owned()),
        })
        .collect()
}

/// The parameter of AWS's document that every group may set, and its values. Source: Systems Manager User Guide,
/// `AWS-RunPatchBaseline`.
pub(super) const REBOOT: &str = "RebootOption";
const REBOOT_OPTIONS: [&str; 2] = ["RebootIfNeeded", "NoReboot"];

/// Packages that the owner lists for AWS's document; they need not be approved by the baseline.
const INSTALL_OVERRIDE: &str = "InstallOverrideList";

/// Parameters by which the owner says what is to be installed; a Scan must look for the same.
const OVERRIDES: [&str; 2] = ["BaselineOverride", INSTALL_OVERRIDE];

impl Options {
    /// The command documents that tags name, each with its tag.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let patches = self.document.as_deref().map(|name| ("document", name));
        let proves = match &self.prove {
            Proof::Document(name) => Some(("prove-document", name.as_str())),
            Proof::Instance | Proof::LoadBalancer => None,
        };
        patches.into_iter().chain(proves)
    }

    /// A value of AWS's reboot option that AWS does not know: the command would be refused.
    fn wrong_reboot(&self) -> Option<&str> {
        let value = self.parameters.get(REBOOT)?;
        (self.document.is_none() && !REBOOT_OPTIONS.contains(&value.as_str())).then_some(value)
    }

    /// Whether the owner lists the packages to install: then all packages are compared, not only the missing ones.
    pub fn lists_packages(&self) -> bool {
        self.document.is_none() && self.parameters.contains_key(INSTALL_OVERRIDE)
    }

    /// The parameters that a Scan shares with the Install.
    pub fn overrides(&self) -> impl Iterator<Item = (&String, &String)> {
        let keys = OVERRIDES.iter().filter(|_| self.document.is_none());
        keys.filter_map(|key| self.parameters.get_key_value(*key))
    }

    /// Whether the owner forbids the reboot after an Install.
    pub fn forbids_reboot(&self) -> bool {
        let option = self.parameters.get(REBOOT);
        option.is_some_and(|value| value == "NoReboot")
    }

    /// The options that shape the image, as text: groups share a bake only if it is the same.
    pub fn bake_text(&self) -> String {
        let Self {
            wave: _,
            canary: _,
            prove: _,
            reboot_image,
            seal,
            document,
            parameters,
            tolerate_missing,
            share_across_tags,
            max_generation: _,
            keep_failed: _,
            documents: _,
        } = self;
        format!(
            "{reboot_image} {seal:?} {document:?} {parameters:?} {tolerate_missing} {share_across_tags}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn known_options_are_read_and_others_are_ignored() {
        let reading = read(
            &tags(&[
                ("Name", "x"),
                ("ep:asg:patch", "true"),
                ("ep:asg:patch:wave", "2"),
                ("ep:asg:patch:canary", "OFF"),
                ("ep:asg:patch:parameters", "RebootOption=NoReboot; X=a=b"),
            ]),
            "ep:asg:patch",
        );
        assert_eq!(reading.refusal, None);
        assert_eq!((reading.options.wave, reading.options.canary), (2, false));
        assert_eq!(reading.options.parameters["X"], "a=b");
        assert!(reading.notes.is_empty());
    }

    #[test]
    fn the_proof_is_read_from_two_tags() {
        let refused = |pairs: &[(&str, &str)]| read(&tags(pairs), "p").refusal.map(|f| f.reason);
        let document = [("p:prove", "document"), ("p:prove-document", "Acme-Smoke")];
        let reading = read(&tags(&document), "p");
        assert_eq!(reading.refusal, None);
        assert_eq!(reading.options.prove, Proof::Document("Acme-Smoke".into()));
        let reading = read(&tags(&document[1..]), "p");
        assert_eq!(reading.options.prove, Proof::Instance);
        assert!(
            reading.notes[0].contains("has no effect"),
            "{:?}",
            reading.notes
        );
        let nameless = refused(&document[..1]).unwrap();
        assert!(nameless.contains("p:prove-document"), "{nameless}");
        let canary_off = [document[0], document[1], ("p:canary", "off")];
        assert!(refused(&canary_off).unwrap().contains("p:canary"));
        assert!(refused(&[("p:prove", "both")]).is_some());
        for name in ["a", "Acme Smoke", "Acme;Smoke", "", &"a".repeat(129)] {
            assert!(
                refused(&[document[0], ("p:prove-document", name)]).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn unknown_options_are_reported_and_bad_values_refused() {
        let reading = read(&tags(&[("p:weave", "1"), ("p:seal", "maybe")]), "p");
        assert!(reading.notes[0].contains("p:weave"), "{:?}", reading.notes);
        let refusal = reading.refusal.unwrap();
        assert_eq!(refusal.code, Code::OptionInvalid);
        assert_eq!(
            refusal.reason,
            "tag p:seal: expected 'on', 'off' or 'reset', found 'maybe'"
        );
        for (key, value) in [
            ("p:parameters", "RebootOption=noreboot"),
            ("p:share", "all"),
            ("p:max-generation", "0"),
            ("p:keep-failed", "91"),
        ] {
            let refusal = read(&tags(&[(key, value)]), "p").refusal;
            assert_eq!(refusal.map(|r| r.code), Some(Code::OptionInvalid), "{key}");
        }
    }
}
