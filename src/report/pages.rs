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
/// it those to other pages of `runbooks/` are the commands that print these.
pub fn page(code: Code, pages_url: Option<&str>) -> String {
    linked(code.page_text(), pages_url)
}

/// The pages of `runbooks/` beside those about codes, by name.
const PAGES: [(&str, &str); 4] = [
    ("alarms", include_str!("../../runbooks/alarms.md")),
    ("replay", include_str!("../../runbooks/replay.md")),
    ("runbooks", include_str!("../../runbooks/README.md")),
    ("stop", include_str!("../../runbooks/stop.md")),
];

/// The names of these pages.
pub fn page_names() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(name, _)| *name)
}

/// A page of `runbooks/`, or a section of one: by its name, by the anchor of its heading (`by-hand`), or by the name of an
/// alarm of the stack (`GroupLeftOpen`), in any letter case.
pub fn topic(name: &str, pages_url: Option<&str>) -> Option<String> {
    let name = name.trim();
    let anchor = name.rsplit_once('#').map_or(name, |(_, anchor)| anchor);
    let page = anchor.trim_end_matches(".md");
    let is_named = |(known, _): &&(&str, &str)| {
        known.eq_ignore_ascii_case(page)
            || *known == "runbooks" && page.eq_ignore_ascii_case("readme")
    };
    let alarms = PAGES[0].1;
    let text = match PAGES.iter().find(is_named) {
        Some((_, text)) => Some((*text).to_owned()),
        None => alarm_anchor(alarms, anchor)
            .and_then(|anchor| section(alarms, anchor))
            .or_else(|| {
                PAGES
                    .iter()
                    .find_map(|(_, text)| section(text, &slug(anchor)))
            }),
    };
    text.map(|text| linked(&text, pages_url))
}

/// The anchor of the section about an alarm, by the table of alarms.
fn alarm_anchor<'p>(page: &'p str, alarm: &str) -> Option<&'p str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ["));
    let mut cells = cells.filter_map(|rest| rest.split(" |").next());
    let is_named = |cell: &&str| {
        let mut words = cell.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| !word.is_empty() && word.eq_ignore_ascii_case(alarm))
    };
    let cell = cells.find(is_named)?;
    cell.split_once("(#")?.1.split(')').next()
}

/// A heading with all below it, up to the next one of its level.
fn section(page: &str, anchor: &str) -> Option<String> {
    let level = |line: &str| line.chars().take_while(|c| *c == '#').count();
    // A comment in a block of code is no heading.
    let mut in_code = false;
    let mut lines = page.lines().map(|line| {
        in_code ^= line.starts_with("```");
        let is_heading = !in_code && line.starts_with('#');
        (line, if is_heading { level(line) } else { 0 })
    });
    let is_it = |(line, level): &(&str, usize)| *level > 1 && slug(&line[*level..]) == anchor;
    let (heading, own) = lines.find(is_it)?;
    let below = lines.take_while(|(_, level)| *level == 0 || *level > own);
    let lines = std::iter::once(heading).chain(below.map(|(line, _)| line));
    let text: Vec<&str> = lines.collect();
    Some(format!("{}\n", text.join("\n").trim_end()))
}

/// The anchor of a heading, as GitHub makes it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A page whose links lead somewhere from where it is printed.
fn linked(text: &str, pages_url: Option<&str>) -> String {
    let mut parts = text.split("](");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match (pages_url, explained(part)) {
            (Some(base), _) => {
                page.push_str("](");
                page.push_str(&leading_to(base, part));
            }
            (None, Some((command, rest))) => {
                // The link's own text loses its bracket.
                if let Some(at) = page.rfind('[') {
                    page.remove(at);
                }
                page.push_str(&format!(" (`{command}`){rest}"));
            }
            (None, None) => {
                page.push_str("](");
                page.push_str(part);
            }
        }
    }
    page
}

/// The command that prints the target of a link with which a text begins, if the program can, and the text behind the link.
fn explained(text: &str) -> Option<(String, &str)> {
    let (target, rest) = text.split_once(')')?;
    let (page, anchor) = target.split_once('#').unwrap_or((target, ""));
    let name = page.strip_suffix(".md").unwrap_or(page);
    let is_page = PAGES.iter().any(|(known, _)| *known == name) || name == "README";
    let what = match (name.starts_with("AP-"), is_page || page.is_empty(), anchor) {
        (true, _, _) => name,
        (false, true, "") if name == "README" => "runbooks",
        (false, true, "") => name,
        (false, true, anchor) => anchor,
        (false, false, _) => return None,
    };
    Some((format!("asg-patch explain {what}"), rest))
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
    use super::{PAGES, more_about, page, section, topic};
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
            links += relative(&bare) + bare.matches(" (`asg-patch explain ").count();
            let published = page(*code, BASE);
            assert_eq!(relative(&published), 0, "{published}");
            assert!(!published.contains("/../"), "{published}");
            above += published
                .matches("](https://example.org/asg-patch/docs/")
                .count();
        }
        assert!(links > 20 && above > 0, "{links} links, {above} to docs");
    }

    #[test]
    fn the_other_pages_are_found_by_name_heading_and_alarm() {
        let first = |name: &str| {
            let text = topic(name, None).unwrap_or_else(|| panic!("no {name}"));
            text.lines().next().unwrap_or_default().to_owned()
        };
        for (name, heading) in [
            ("stop", "# Stop"),
            ("Stop.md", "# Stop"),
            ("README.md", "# When something goes wrong"),
            ("README.md#by-hand", "## By hand"),
            ("By hand", "## By hand"),
            ("GroupLeftOpen", "## A group is left open"),
            ("RunTimedOut", "## A run failed or timed out"),
        ] {
            assert!(first(name).starts_with(heading), "{name}: {}", first(name));
        }
        for unknown in ["", "no", "AP-0311", "zzz"] {
            assert_eq!(topic(unknown, None), None, "{unknown}");
        }
        let published = topic("GroupLeftOpen", BASE).unwrap();
        assert!(
            published.contains("](https://example.org/asg-patch/runbooks/"),
            "{published}"
        );
    }

    /// A link to another page of the runbooks is a command that prints just that.
    #[test]
    fn links_between_pages_are_commands() {
        let codes = Code::ALL.iter().map(|code| code.page_text());
        let mut commands = 0;
        for text in codes.chain(PAGES.iter().map(|(_, text)| *text)) {
            for target in text.split("](").skip(1).filter_map(|t| t.split(')').next()) {
                let Some((page, anchor)) = target.split_once(".md#") else {
                    continue;
                };
                let known = PAGES
                    .iter()
                    .find(|(name, _)| *name == page || page == "README" && *name == "runbooks");
                let Some((_, known)) = known else { continue };
                let meant = section(known, anchor).unwrap_or_else(|| panic!("{target}"));
                let found = topic(anchor, None).unwrap();
                assert_eq!(found.lines().next(), meant.lines().next(), "{target}");
                commands += 1;
            }
        }
        assert!(commands > 10, "{commands}");
        let bare = page(Code::RecordUnreadable, None);
        assert!(bare.contains("(`asg-patch explain by-hand`)"), "{bare}");
    }
}
