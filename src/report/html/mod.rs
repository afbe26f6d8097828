//! The report of a run as one HTML file: it loads nothing, runs no script, and shows names as text, whatever they
//! contain.

mod scale;
mod sizes;
mod timeline;
mod view;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, context};
use sha2::{Digest, Sha256};

use self::view::View;
use super::RunReport;

/// The ending of the name has the template escape all that it shows.
const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("style.css");

/// The report as an HTML document.
///
/// # Errors
/// The template's; a test renders it whole.
pub fn html(report: &RunReport) -> Result<String, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.add_template(NAME, TEMPLATE)?;
    // The browser applies this one style sheet, and nothing that a name might smuggle in.
    let style_hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    environment.get_template(NAME)?.render(context! {
        view => Serde(View::of(report)),
        style => STYLE,
        style_hash,
        version => env!("CARGO_PKG_VERSION"),
    })
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::group::patch::{PatchFacts, PatchState};
    use crate::report::{Cost, PatchEvidence, RunReport, sample};

    fn evidence(text: &str) -> PatchEvidence {
        let mut evidence = PatchEvidence {
            baseline: Some(text.into()),
            made_with: Some(text.into()),
            ..PatchEvidence::default()
        };
        let facts = PatchFacts {
            classification: Some(text.into()),
            severity: Some(text.into()),
            cves: vec![text.into()],
            cves_left_out: 2,
        };
        let patches = &mut evidence.patches;
        patches.learn(text, PatchState::Missing, &facts, true);
        evidence
    }

    #[test]
    fn names_and_reasons_are_text() {
        const MARKUP: &str = "</title><script>alert(1)</script><b a='\"&";
        let mut report = RunReport {
            run_id: MARKUP.into(),
            region: MARKUP.into(),
            asked_by: Some(MARKUP.into()),
            why: Some(MARKUP.into()),
            approved: Some(MARKUP.into()),
            warnings: vec![MARKUP.into()],
            ..sample::run()
        };
        for group in &mut report.groups {
            group.group = MARKUP.into();
            group.reason = MARKUP.into();
            group.notes = vec![MARKUP.into()];
            group.installed = vec![MARKUP.into()];
            group.evidence = Some(evidence(MARKUP));
            group.image_before = Some(MARKUP.into());
            group.version_before = Some(MARKUP.into());
            group.seconds_by_type = [(MARKUP.to_owned(), 5)].into();
        }
        report.cost = Some(Cost::of_run(&report, None));
        let page = html(&report).unwrap();
        assert!(
            !page.contains("<script") && !page.contains("<b a"),
            "{page}"
        );
        assert_eq!(
            page.matches("</title>").count(),
            page.matches("<title>").count()
        );
        assert!(page.matches("&lt;script&gt;").count() > 20);
    }

    #[test]
    fn only_addresses_become_links() {
        let linking = |url: &str| {
            let report = RunReport {
                pages_url: Some(url.into()),
                ..sample::run()
            };
            html(&report).unwrap()
        };
        assert!(
            linking("https://example.org/x")
                .contains("href=\"https:&#x2f;&#x2f;example.org&#x2f;x&#x2f;AP-0311.md\"")
        );
        assert!(!linking("javascript:alert(1)").contains("javascript"));
    }

    #[test]
    fn nothing_is_loaded_and_all_links_lead_somewhere() {
        let page = html(&sample::run()).unwrap();
        for loading in [
            "<link", "<img", "src=", "url(", "@import", "<iframe", "style=",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
        for target in page.split("href=\"#").skip(1) {
            let id = target.split('"').next().unwrap();
            assert!(
                page.contains(&format!("id=\"{id}\"")),
                "#{id} leads nowhere"
            );
        }
    }
}
