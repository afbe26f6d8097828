//! The operators' pages about codes: where to read them, and their text.

use crate::group::Code;

/// The place where a reader finds the page about a code: its URL if the pages are published, else the command that
/// prints it.
pub fn more_about(code: Code, pages_url: Option<&str>) -> String {
    match pages_url {
        Some(base) => format!("{base}/{code}.md"),
        None => format!("asg-patch explain {code}"),
    }
}

/// The page about a code, in Markdown. With the URL under which the pages are published, its links lead there; without
/// it they are relative to the project's `runbooks/`.
pub fn page(code: Code, pages_url: Option<&str>) -> String {
    let Some(base) = pages_url else {
        return code.page_text().to_owned();
    };
    let mut parts = code.page_text().split("](");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        page.push_str("](");
        page.push_str(&leading_to(base, part));
    }
    page
}

/// A text that begins with the target of a link, which is made absolute if it is relative.
fn leading_to(base: &str, text: &str) -> String {
    if text.starts_with('#') || text.starts_with("http") {
        return text.to_owned();
    }
    let (mut base, mut target) = (base, text);
    while let Some(above) = target.strip_prefix("../") {
        base = base.rsplit_once('/').map_or(base, |(folder, _)| folder);
        target = above;
    }
    format!("{base}/{target}")
}

#[cfg(test)]
mod tests {
    use super::{more_about, page};
    use crate::group::Code;

    const BASE: Option<&str> = Some("https://example.org/asg-patch/runbooks");

    #[test]
    fn a_code_leads_to_its_page() {
        let code = Code::PatchFailed;
        assert_eq!(more_about(code, None), "asg-patch explain AP-0311");
        assert_eq!(
            more_about(code, BASE),
            "https://example.org/asg-patch/runbooks/AP-0311.md"
        );
    }

    #[test]
    fn links_of_published_pages_are_absolute() {
        let relative = |text: &str| {
            let targets = text.split("](").skip(1);
            targets.filter(|t| !t.starts_with("http")).count()
        };
        let (mut links, mut above) = (0, 0);
        for code in Code::ALL {
            let bare = page(*code, None);
            links += relative(&bare);
            let published = page(*code, BASE);
            assert_eq!(relative(&published), 0, "{published}");
            assert!(!published.contains("/../"), "{published}");
            above += published
                .matches("](https://example.org/asg-patch/docs/")
                .count();
        }
        assert!(links > 20 && above > 0, "{links} links, {above} to docs");
    }
}
