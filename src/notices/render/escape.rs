//! Foreign text as text, whatever a channel's markup would make of it.

use crate::notices::ChannelKind;
use crate::text::plain_text;

/// The mark of what is cut off.
const CUT: &str = " ...";

/// `text` as this kind of channel shows it literally.
pub fn text(kind: ChannelKind, text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        push(kind, &text[..at], c, &mut shown);
    }
    shown
}

/// The same in at most `limit` characters; never cut within an escape.
pub fn fitted(kind: ChannelKind, text: &str, limit: usize) -> String {
    let whole = self::text(kind, text);
    if whole.chars().count() <= limit {
        return whole;
    }
    let (mut shown, mut chars) = (String::new(), CUT.len());
    for (at, c) in text.char_indices() {
        let mut next = String::new();
        push(kind, &text[..at], c, &mut next);
        chars += next.chars().count();
        if chars > limit {
            break;
        }
        shown.push_str(&next);
    }
    format!("{}{CUT}", shown.trim_end())
}

/// Markup in at most `limit` characters; not cut within an entity.
pub fn cut(markup: &str, limit: usize) -> String {
    if markup.chars().count() <= limit {
        return markup.to_owned();
    }
    let kept: String = markup
        .chars()
        .take(limit.saturating_sub(CUT.len()))
        .collect();
    let whole = match kept.rfind('&') {
        Some(at) if !kept[at..].contains(';') => &kept[..at],
        Some(_) | None => kept.as_str(),
    };
    format!("{}{CUT}", whole.trim_end().trim_end_matches('\\'))
}

/// An address that may stand in markup; others are left out.
pub fn link(address: &str) -> Option<&str> {
    let legal = |c: char| c.is_ascii_graphic() && !"<>|\"'()[]\\`".contains(c);
    (address.starts_with("https://") && address.chars().all(legal)).then_some(address)
}

fn push(kind: ChannelKind, before: &str, c: char, shown: &mut String) {
    match kind {
        // Slack: "Formatting text for app surfaces", escaping; Statuspage bodies are HTML.
        ChannelKind::SlackBot | ChannelKind::SlackWebhook | ChannelKind::Statuspage => match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            c => shown.push(c),
        },
        ChannelKind::Teams => push_markdown(before, c, shown),
        ChannelKind::Pingdom | ChannelKind::Pagerduty => shown.push(c),
        ChannelKind::Webhook | ChannelKind::EventBus => shown.push(c),
    }
}

/// Markdown as Adaptive Cards know it: CommonMark's escapes, and lists only at the start of a line.
fn push_markdown(before: &str, c: char, shown: &mut String) {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let begins_list = match c {
        '-' | '+' => line.trim().is_empty(),
        '.' => !line.trim().is_empty() && line.trim().bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    if begins_list || r"\`*_[]()<>#~|&{}!".contains(c) {
        shown.push('\\');
    }
    shown.push(c);
}

/// On one line and in at most `limit` characters, for services without markup.
pub(super) fn plain(text: &str, limit: usize) -> String {
    fitted(ChannelKind::Webhook, &plain_text(text), limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKUP: &str = "<!channel> *a* [b](c) 1. & \\";

    #[test]
    fn markup_is_text() {
        assert_eq!(
            text(ChannelKind::SlackBot, MARKUP),
            "&lt;!channel&gt; *a* [b](c) 1. &amp; \\"
        );
        assert_eq!(
            text(ChannelKind::Teams, MARKUP),
            r"\<\!channel\> \*a\* \[b\]\(c\) 1. \& \\"
        );
        assert_eq!(
            text(ChannelKind::Teams, "1. a\n- b\nshop-web 1.2"),
            "1\\. a\n\\- b\nshop-web 1.2"
        );
        assert_eq!(text(ChannelKind::Webhook, MARKUP), MARKUP);
    }

    #[test]
    fn nothing_is_cut_within_an_escape() {
        let many = "&".repeat(100);
        for limit in 5..60 {
            let shown = fitted(ChannelKind::SlackWebhook, &many, limit);
            assert!(shown.chars().count() <= limit, "{limit}: {shown}");
            assert_eq!(shown.replace("&amp;", "").trim(), "...");
            let escaped = text(ChannelKind::SlackWebhook, &many);
            assert_eq!(cut(&escaped, limit).replace("&amp;", "").trim(), "...");
        }
        assert!(!fitted(ChannelKind::Teams, &"*".repeat(9), 9).ends_with("\\ ..."));
    }

    #[test]
    fn only_plain_addresses_are_links() {
        assert!(link("https://example.org/a?b=c#d").is_some());
        for other in [
            "http://example.org",
            "https://example.org/a|b",
            "https://a>b",
            "javascript:x",
            "https://a b",
        ] {
            assert_eq!(link(other), None, "{other}");
        }
    }
}
