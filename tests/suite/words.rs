//! One word for one thing: phrases that the project has left behind must not come back.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Phrases that are gone, in lower case, each with the word that took its place.
const GONE: [(&str, &str); 32] = [
    ("hand back", "restore"),
    ("hands back", "restores"),
    ("handed back", "restored"),
    ("handing back", "restoring"),
    ("hand-back", "restore"),
    ("hand_back", "restore"),
    ("gives way", "yields"),
    ("give way", "yield"),
    ("giving way", "yielding"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("mid-run", "during the run"),
    ("mid_run", "during_run"),
    ("somebody", "someone, or who it is"),
    ("whoever", "the one who it is"),
    ("so many", "the number"),
    ("what of it", "which part"),
    ("absurd", "invalid"),
    ("errand", "work"),
    ("deed", "effect"),
    ("heir", "the process that goes on"),
    ("teller", "notifier"),
    ("sharers", "batches at once"),
    ("take_in", "learn"),
    ("carry_out", "execute"),
    ("is told", "is reported, is known"),
    ("are told", "are reported, are known"),
    ("shall be", "is, must be"),
    ("leave is asked", "permissions are checked"),
    ("as above", "say it again"),
];

/// Gone phrases that must stay where they stand: names in states and definitions of version 1.
const KEPT: [(&str, &str); 3] = [
    ("src/run/relay/wire/mod.rs", "errand"),
    ("src/lambda/task.rs", "hand-back"),
    ("CHANGELOG.md", "hand-back"),
];

/// Endings of files whose text is ours. Lock files and recorded data are not.
const ENDINGS: [&str; 13] = [
    ".rs",
    ".md",
    ".toml",
    ".py",
    ".sh",
    ".ps1",
    ".yaml",
    ".yml",
    ".json",
    ".expected",
    ".txt",
    "/dev",
    "/run",
];

fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git");
    let names = String::from_utf8(listed.stdout).expect("names in UTF-8");
    let is_ours = |name: &&str| {
        ENDINGS.iter().any(|e| format!("/{name}").ends_with(e)) && *name != "tests/suite/words.rs"
    };
    let text = |name: &str| Some((name.to_owned(), fs::read_to_string(root.join(name)).ok()?));
    names.lines().filter(is_ours).filter_map(text).collect()
}

/// Places of gone phrases. Words are looked for across line breaks, since texts are wrapped.
fn found(name: &str, text: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|w| !matches!(*w, "//" | "///" | "//!" | "#" | "*"))
        .collect();
    let text = words.join(" ").to_lowercase();
    let is_word = |at: usize, phrase: &str| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        [before, after]
            .into_iter()
            .flatten()
            .all(|c| !c.is_alphanumeric())
    };
    let at = |phrase: &str| {
        text.match_indices(phrase)
            .map(|(at, _)| at)
            .find(|at| is_word(*at, phrase))
    };
    GONE.iter()
        .filter(|(phrase, _)| !KEPT.contains(&(name, *phrase)))
        .filter_map(|(phrase, instead)| {
            let at = at(phrase)?;
            let from = text[..at]
                .char_indices()
                .rev()
                .nth(30)
                .map_or(0, |(i, _)| i);
            let to = text[at..]
                .char_indices()
                .nth(50)
                .map_or(text.len(), |(i, _)| at + i);
            Some(format!(
                "{name}: '{phrase}' ({instead}): ...{}...",
                &text[from..to]
            ))
        })
        .collect()
}

#[test]
fn gone_phrases_stay_gone() {
    let texts = texts();
    assert!(texts.len() > 300, "only {} texts were found", texts.len());
    let found: Vec<String> = texts
        .iter()
        .flat_map(|(name, text)| found(name, text))
        .collect();
    assert!(
        found.is_empty(),
        "{}\n{} in all",
        found.join("\n"),
        found.len()
    );
}

/// Doc comments say shapes, units, errors and sources; they do not ask riddles.
#[test]
fn doc_comments_are_no_riddles() {
    let mut riddles = Vec::new();
    for (name, text) in texts().iter().filter(|(name, _)| name.ends_with(".rs")) {
        let mut in_comment = false;
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let is_comment = comment.starts_with("///") || comment.starts_with("//!");
            let begins = is_comment && !in_comment;
            let words = comment.trim_start_matches(['/', '!', ' ']);
            if begins
                && ["What ", "Who ", "Whoever "]
                    .iter()
                    .any(|w| words.starts_with(w))
            {
                riddles.push(format!("{name}:{}: {words}", number + 1));
            }
            in_comment = is_comment;
        }
    }
    assert!(
        riddles.is_empty(),
        "{}\n{} in all",
        riddles.join("\n"),
        riddles.len()
    );
}

/// The tests above can fail.
#[test]
fn phrases_are_found_across_lines_and_only_as_words() {
    assert_eq!(found("x", "/// It is handed\n/// back now.").len(), 1);
    assert_eq!(found("x", "So many\nwords").len(), 1);
    assert!(found("x", "It amended the recommendation; this told nobody.").is_empty());
}
