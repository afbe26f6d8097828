//! Holds the arrows between rooms (see ARCHITECTURE.md): which folder or file of `src` may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, from the ground floor up, each with the rooms that it may know. An arrow that is not here is
/// not allowed, nor is a room.
const ROOMS: [(&str, &[&str]); 25] = [
    ("ids", &[]),
    ("text", &[]),
    ("place", &[]),
    ("toml_file", &["text"]),
    ("clock", &[]),
    ("signature", &[]),
    ("secret", &[]),
    ("schedule", &[]),
    ("tag_filter", &[]),
    ("request", &["ids", "place", "schedule", "tag_filter"]),
    (
        "trigger",
        &["ids", "place", "request", "schedule", "tag_filter", "text"],
    ),
    (
        "windows",
        &[
            "ids",
            "request",
            "schedule",
            "tag_filter",
            "text",
            "trigger",
        ],
    ),
    ("config", &["tag_filter", "text", "toml_file", "windows"]),
    (
        "group",
        &["ids", "place", "request", "schedule", "signature", "text"],
    ),
    ("retention", &["group", "ids", "request", "text"]),
    (
        "report",
        &[
            "group",
            "ids",
            "place",
            "request",
            "retention",
            "schedule",
            "text",
            "windows",
        ],
    ),
    ("notify", &["group", "ids", "report", "request", "text"]),
    (
        "notices",
        &[
            "group",
            "ids",
            "place",
            "report",
            "request",
            "schedule",
            "text",
            "toml_file",
            "windows",
        ],
    ),
    ("channels", &["clock", "notices", "secret", "text"]),
    (
        "aws",
        &[
            "clock",
            "group",
            "ids",
            "request",
            "retention",
            "schedule",
            "secret",
            "signature",
            "text",
            "windows",
        ],
    ),
    ("probe", &["aws", "clock", "ids", "text"]),
    (
        "run",
        &[
            "aws",
            "channels",
            "clock",
            "config",
            "group",
            "ids",
            "notices",
            "notify",
            "place",
            "report",
            "request",
            "retention",
            "schedule",
            "signature",
            "text",
            "toml_file",
            "trigger",
            "windows",
        ],
    ),
    (
        "lambda",
        &[
            "aws",
            "channels",
            "clock",
            "group",
            "ids",
            "notices",
            "notify",
            "place",
            "report",
            "request",
            "retention",
            "run",
            "schedule",
            "signature",
            "text",
            "trigger",
            "windows",
        ],
    ),
    ("sim", &["clock", "toml_file"]),
    (
        "cli",
        &[
            "aws",
            "channels",
            "clock",
            "config",
            "group",
            "ids",
            "notices",
            "place",
            "probe",
            "report",
            "request",
            "retention",
            "run",
            "schedule",
            "sim",
            "tag_filter",
            "text",
            "toml_file",
            "windows",
        ],
    ),
];

/// The entries of the programs: they join rooms and are known by none.
const ENTRIES: [(&str, &[&str]); 2] = [
    ("main", &["cli"]),
    ("bin", &["aws", "channels", "clock", "lambda"]),
];

/// Rooms and single files that know no SDK, clock, async, log or environment.
const PURE: [&str; 20] = [
    "ids",
    "text",
    "place",
    "toml_file",
    "config",
    "signature",
    "secret",
    "schedule",
    "tag_filter",
    "request",
    "windows",
    "group",
    "retention",
    "report",
    "notify",
    "notices",
    "trigger",
    "run/summary",
    "run/relay/batch",
    "run/relay/split",
];

/// Words that no pure room may use.
const IMPURE: [&str; 14] = [
    "aws_sdk",
    "aws_smithy",
    "aws_config",
    "aws_types",
    "tokio",
    "tracing",
    "std::env",
    "std::fs",
    "std::time",
    "Utc::now",
    ".await",
    "async fn",
    "crate::clock",
    "println!",
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("a folder of the crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The files of a room, or of one of its parts.
fn files(room: &str) -> Vec<PathBuf> {
    let folder = src().join(room);
    let file = folder.with_extension("rs");
    let mut found = Vec::new();
    for path in [folder, file] {
        if path.exists() {
            found.extend(sources(&path));
        }
    }
    assert!(!found.is_empty(), "{room} has no sources: has it moved?");
    found
}

/// The lines of code of a file, numbered from 1, without comments and without its unit tests, which may join
/// rooms as they like.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).expect("a source file");
    let end = text
        .find("\n#[cfg(test)]\nmod tests {")
        .unwrap_or(text.len());
    text[..end]
        .lines()
        .enumerate()
        .map(|(n, line)| {
            (
                n + 1,
                line.split("//").next().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// Rooms that a line of code names.
fn named_rooms(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "asg_patch::"] {
        for (at, _) in line.match_indices(root) {
            let rest = &line[at + root.len()..];
            let word = |text: &str| -> String {
                text.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect()
            };
            match rest.strip_prefix('{') {
                Some(list) => found.extend(list.split(',').map(|part| word(part.trim()))),
                None => found.push(word(rest)),
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// Arrows from the files of a room that its list does not allow, each with its place.
fn forbidden(room: &str, allowed: &[&str]) -> Vec<String> {
    let known: BTreeSet<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    let mut found = Vec::new();
    for file in files(room) {
        // The program's own crate is the command line.
        let is_cli = room == "cli" || room == "main";
        for (number, line) in code(&file) {
            for target in named_rooms(&line) {
                let is_own = target == room || (is_cli && target == "cli");
                let is_room = known.contains(target.as_str());
                let is_item = !is_room && target.starts_with(char::is_uppercase);
                if !is_own && !is_item && !allowed.contains(&target.as_str()) {
                    found.push(format!("{}:{number}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    found
}

#[test]
fn arrows_are_those_of_the_list() {
    let rooms = ROOMS.iter().chain(&ENTRIES);
    let found: Vec<String> = rooms
        .flat_map(|(room, allowed)| forbidden(room, allowed))
        .collect();
    assert!(
        found.is_empty(),
        "these lines know a room that tests/suite/architecture.rs does not let them know:\n{}",
        found.join("\n")
    );
}

#[test]
fn every_folder_and_file_of_src_is_a_room() {
    let known: BTreeSet<&str> = ROOMS
        .iter()
        .chain(&ENTRIES)
        .map(|(name, _)| *name)
        .collect();
    let mut unknown = Vec::new();
    for entry in fs::read_dir(src()).expect("src") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name != "lib" && !known.contains(name.as_str()) {
            unknown.push(name);
        }
    }
    assert!(unknown.is_empty(), "rooms without arrows: {unknown:?}");
}

/// A list in which every room knows only earlier ones has no circle.
#[test]
fn no_arrow_points_both_ways() {
    let mut earlier = BTreeSet::new();
    for (room, allowed) in ROOMS {
        let later: Vec<&&str> = allowed.iter().filter(|a| !earlier.contains(*a)).collect();
        assert!(later.is_empty(), "{room} knows {later:?}, which come later");
        earlier.insert(room);
    }
}

#[test]
fn pure_rooms_are_pure() {
    let mut found = Vec::new();
    for room in PURE {
        for file in files(room) {
            for (number, line) in code(&file) {
                if IMPURE.iter().any(|word| line.contains(word)) {
                    found.push(format!("{}:{number}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "impure lines:\n{}", found.join("\n"));
}

/// Within a room, no file knows one that knows it: each is understood without the others. The simulated
/// world is left out: its resources act on each other, as AWS's do.
#[test]
fn the_files_of_a_room_form_no_circle() {
    let is_folder = |room: &&str| src().join(room).is_dir() && *room != "sim";
    let rooms = ROOMS.iter().map(|(room, _)| *room).filter(is_folder);
    let circles: Vec<(&str, Vec<BTreeSet<String>>)> = rooms
        .map(|room| (room, circles_in(room)))
        .filter(|(_, circles)| !circles.is_empty())
        .collect();
    assert!(
        circles.is_empty(),
        "files that know each other: {circles:?}"
    );
}

/// Modules of a room that can reach each other, by the modules that their code names.
fn circles_in(room: &str) -> Vec<BTreeSet<String>> {
    let root = src().join(room);
    let module = |file: &Path| {
        let path = file.strip_prefix(&root).expect("inside").with_extension("");
        let parts: Vec<String> = path
            .iter()
            .map(|p| p.to_string_lossy().into_owned())
            .filter(|p| p != "mod")
            .collect();
        parts.join("::")
    };
    let modules: BTreeMap<String, PathBuf> = sources(&root)
        .into_iter()
        .map(|f| (module(&f), f))
        .collect();
    let arrows: BTreeMap<&String, BTreeSet<String>> = modules
        .iter()
        .map(|(name, file)| (name, named_modules(name, file, &modules)))
        .collect();
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = arrows[from].iter().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next.clone()) {
                open.extend(arrows.get(next).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        modules.keys().map(|m| (m, reach(m))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (name, reaches) in &reached {
        let back = |other: &&String| reached.get(*other).is_some_and(|r| r.contains(*name));
        let circle: BTreeSet<String> = reaches.iter().filter(back).cloned().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// The modules of its room that a file names after `super::`; a `mod.rs` that only declares and re-exports its
/// children is left out by its empty name.
fn named_modules(name: &str, file: &Path, modules: &BTreeMap<String, PathBuf>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let text: Vec<String> = code(file).into_iter().map(|(_, line)| line).collect();
    let text = text.join(" ");
    let parents: Vec<&str> = name.split("::").filter(|p| !p.is_empty()).collect();
    for (at, _) in text.match_indices("super::") {
        if text[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &text[at..];
        let mut up = 0;
        while let Some(tail) = rest.strip_prefix("super::") {
            rest = tail;
            up += 1;
        }
        let Some(kept) = parents.len().checked_sub(up) else {
            continue;
        };
        let base = &parents[..kept];
        let list = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |list| {
                list.split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .collect()
            },
        );
        for item in list {
            let word: String = item
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let target: Vec<&str> = base.iter().copied().chain([word.as_str()]).collect();
            let target = target.join("::");
            if modules.contains_key(&target) && target != name {
                found.insert(target);
            }
        }
    }
    // A `mod.rs` calls its children by their names alone.
    let children = modules.keys().filter_map(|m| {
        let child = m.strip_prefix(name)?.strip_prefix("::")?;
        text.contains(&format!("{child}::")).then(|| m.clone())
    });
    if !name.is_empty() {
        found.extend(children);
    }
    found
}

/// The sentence about the arrows in ARCHITECTURE.md is the list above.
#[test]
fn the_page_shows_the_list() {
    let mut table = String::from("| room | may know |\n|---|---|\n");
    for (room, allowed) in ROOMS {
        let allowed: Vec<String> = allowed.iter().map(|a| format!("`{a}`")).collect();
        let allowed = if allowed.is_empty() {
            "none".to_owned()
        } else {
            allowed.join(", ")
        };
        let _ = writeln!(table, "| `{room}` | {allowed} |");
    }
    let page = include_str!("../../ARCHITECTURE.md");
    assert!(
        page.contains(&table),
        "ARCHITECTURE.md must hold this table:\n{table}"
    );
}

#[test]
fn only_the_command_line_and_the_entries_write_to_stdout() {
    let mut found = Vec::new();
    for (room, _) in ROOMS.iter().filter(|(room, _)| *room != "cli") {
        for file in files(room) {
            for (number, line) in code(&file) {
                if ["println!", "print!(", "io::stdout"]
                    .iter()
                    .any(|w| line.contains(w))
                {
                    found.push(format!("{}:{number}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The tests above can fail.
#[test]
fn lines_are_read_as_they_are_meant() {
    assert_eq!(named_rooms("use crate::group::{Code, Failure};"), ["group"]);
    assert_eq!(named_rooms("use asg_patch::{aws, run};"), ["aws", "run"]);
    assert_eq!(
        named_rooms("x(crate::sim::y, crate::aws::z)"),
        ["sim", "aws"]
    );
    assert!(!forbidden("group", &["ids"]).is_empty());
    let known = ["ids", "place", "request", "schedule", "signature", "text"];
    assert!(forbidden("group", &known).is_empty());
}
