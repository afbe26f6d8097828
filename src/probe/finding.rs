//! Findings: for each belief its expectation, the account's behaviour, and whether they agree.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::text;

/// The text of a belief's expectation is cut off at this many characters.
const LONGEST: usize = 300;

/// A belief as a check knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belief {
    /// Its name in docs/beliefs.md.
    pub id: &'static str,
    /// The behaviours that are right.
    pub expected: Expected,
}

/// The behaviours that are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One, which a source describes.
    This(&'static str),
    /// Any of these variants.
    OneOf(&'static [&'static str]),
}

impl Expected {
    fn words(self) -> String {
        match self {
            Self::This(behaviour) => behaviour.to_owned(),
            Self::OneOf(variants) => variants.join(" or "),
        }
    }
}

/// Whether the account behaves as believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not.
    Differs,
    /// It could not be found out.
    NotChecked,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Differs => "DIFFERS",
            Self::NotChecked => "not checked",
        }
    }
}

/// A belief and the account's behaviour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The belief's name.
    pub belief: String,
    /// The behaviours that are right.
    pub expected: String,
    /// The behaviour that was seen, or the reason why none was.
    pub found: String,
    /// The variant that it is, of a belief with variants.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variant: Option<String>,
    /// The comparison of both.
    pub verdict: Verdict,
}

impl Finding {
    /// A sourced belief that holds or does not.
    pub(super) fn of_source(belief: &Belief, holds: bool, found: String) -> Self {
        let verdict = if holds {
            Verdict::Holds
        } else {
            Verdict::Differs
        };
        Self::new(belief, verdict, found, None)
    }

    /// The variant that was seen of an open belief; `None`: a behaviour that is none of them.
    pub(super) fn of_variant(belief: &Belief, variant: Option<&str>, found: String) -> Self {
        let known = match belief.expected {
            Expected::This(_) => &[],
            Expected::OneOf(variants) => variants,
        };
        let verdict = match variant {
            Some(variant) if known.contains(&variant) => Verdict::Holds,
            Some(_) | None => Verdict::Differs,
        };
        Self::new(belief, verdict, found, variant.map(str::to_owned))
    }

    /// A belief that could not be checked.
    pub(super) fn unchecked(belief: &Belief, why: &str) -> Self {
        Self::new(belief, Verdict::NotChecked, text::plain_text(why), None)
    }

    fn new(belief: &Belief, verdict: Verdict, found: String, variant: Option<String>) -> Self {
        Self {
            belief: belief.id.to_owned(),
            expected: belief.expected.words(),
            found: text::shortened(&found, LONGEST),
            variant,
            verdict,
        }
    }
}

/// The findings of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The probe's id, which is in the names of all that it made.
    pub probe: String,
    /// One finding for each belief that was asked for, in the table's order.
    pub findings: Vec<Finding>,
    /// Things of the probe that could not be removed, by name or id.
    pub left: Vec<String>,
}

impl ProbeReport {
    /// The number of findings with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let findings = self.findings.iter();
        findings.filter(|f| f.verdict == verdict).count()
    }

    /// The report as text: a paragraph for each belief, and the sums.
    pub fn to_text(&self) -> String {
        let mut page = String::new();
        for finding in &self.findings {
            let variant = finding.variant.as_ref();
            let variant = variant.map_or_else(String::new, |v| format!("variant {v}: "));
            // Writing to a text does not fail.
            let _ = writeln!(
                page,
                "{}: {}\n    expected: {}\n    found: {variant}{}",
                finding.belief,
                finding.verdict.word(),
                finding.expected,
                finding.found
            );
        }
        let [holds, differs, unchecked] =
            [Verdict::Holds, Verdict::Differs, Verdict::NotChecked].map(|v| self.count(v));
        let _ = writeln!(
            page,
            "\n{}: {holds} hold, {differs} differ, {unchecked} not checked.",
            text::counted(self.findings.len(), "belief"),
        );
        if !self.left.is_empty() {
            let _ = writeln!(
                page,
                "Not removed: {}. Remove it with: asg-patch probe --clean",
                self.left.join(", ")
            );
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::{Belief, Expected, Finding, Verdict};

    const OPEN: Belief = Belief {
        id: "open",
        expected: Expected::OneOf(&["no", "yes"]),
    };

    #[test]
    fn every_variant_is_right_and_anything_else_is_not() {
        let verdict = |variant| Finding::of_variant(&OPEN, variant, String::new()).verdict;
        assert_eq!(verdict(Some("no")), Verdict::Holds);
        assert_eq!(verdict(Some("yes")), Verdict::Holds);
        assert_eq!(verdict(Some("perhaps")), Verdict::Differs);
        assert_eq!(verdict(None), Verdict::Differs);
    }

    #[test]
    fn reasons_are_one_line() {
        let finding = Finding::unchecked(&OPEN, "AccessDenied:\nnot you");
        assert_eq!(finding.verdict, Verdict::NotChecked);
        assert_eq!(finding.found, "AccessDenied: not you");
        assert_eq!(finding.expected, "no or yes");
    }
}
