//! Every relative link, every anchor and every path in the documents leads to something that exists.
//!
//! Checked are links (`[text](path#anchor)`), paths between backticks, and paths in code blocks. A path may be
//! written from the root, from the document's own folder, or, as ARCHITECTURE.md does, from a room of `src`.
//! `NAME` and `NNNN` in a path stand for anything, and so does `*`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders of documents, from the root.
const FOLDERS: [&str; 4] = ["", "docs", "infra", "runbooks"];
/// A word with one of these endings is taken for a file's name.
const ENDINGS: [&str; 8] = ["expected", "json", "md", "ps1", "py", "rs", "sh", "toml"];
/// From where a path may be written, besides its document's folder.
const BASES: [&str; 3] = ["", "src", "src/group"];
/// A file that a reader writes, and the project has not.
const OF_READERS: [&str; 1] = ["asg-patch.toml"];
/// Whatever a placeholder stands for.
const PLACEHOLDERS: [&str; 2] = ["NAME", "NNNN"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents, as paths from the root.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of documents") {
            let name = entry.expect("an entry").file_name();
            let path = Path::new(folder).join(name);
            if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(document: &Path) -> String {
    let path = root().join(document);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A document's text in its parts.
#[derive(Debug, Default)]
struct Parts {
    /// The text without code blocks and code spans.
    prose: String,
    /// The text between backticks.
    spans: Vec<String>,
    /// Lines of code blocks.
    code: Vec<String>,
    /// Headings without their `#`.
    headings: Vec<String>,
}

impl Parts {
    fn of(text: &str) -> Self {
        let mut parts = Self::default();
        let mut in_code = false;
        let mut paragraph = String::new();
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if in_code {
                parts.code.push(line.to_owned());
                continue;
            } else if line.starts_with('#') {
                let heading = line.trim_start_matches('#').trim();
                parts.headings.push(heading.to_owned());
            }
            if line.trim().is_empty() {
                parts.take(&std::mem::take(&mut paragraph));
            } else {
                paragraph.push_str(line);
                paragraph.push('\n');
            }
        }
        parts.take(&paragraph);
        parts
    }

    /// A paragraph: every second piece between backticks is a code span.
    fn take(&mut self, paragraph: &str) {
        for (at, piece) in paragraph.split('`').enumerate() {
            if at % 2 == 0 {
                self.prose.push_str(piece);
            } else {
                self.spans.push(piece.to_owned());
            }
        }
    }

    fn links(&self) -> impl Iterator<Item = &str> {
        let targets = self.prose.split("](").skip(1);
        targets.filter_map(|rest| rest.split(')').next())
    }

    /// GitHub's anchors of the headings: lower case, only letters, digits, `-` and `_`, blanks as `-`; one
    /// that is there already gets a number.
    fn anchors(&self) -> BTreeSet<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let anchor = |heading: &String| {
            let words = heading.to_lowercase();
            let kept = words.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c if c.is_alphanumeric() => Some(c),
                _ => None,
            });
            let slug: String = kept.collect();
            let times = seen.entry(slug.clone()).or_default();
            *times += 1;
            match *times {
                1 => slug,
                n => format!("{slug}-{}", n - 1),
            }
        };
        self.headings.iter().map(anchor).collect()
    }
}

/// `folder/../path` as a path from the root.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(found.pop()),
            other => found.push(other),
        }
    }
    found
}

/// Whether a path from the root exists; a `*` stands for anything within a name.
fn exists(path: &Path) -> bool {
    let mut places = vec![root().to_owned()];
    for component in plain(path).components() {
        let name = component.as_os_str().to_string_lossy().into_owned();
        places = match name.split_once('*') {
            None => places.into_iter().map(|p| p.join(&name)).collect(),
            Some((head, tail)) => {
                let entries = places.iter().filter_map(|p| fs::read_dir(p).ok()).flatten();
                let paths = entries.filter_map(|e| Some(e.ok()?.path()));
                let fits = |p: &PathBuf| {
                    let name = p.file_name().unwrap_or_default().to_string_lossy();
                    name.starts_with(head) && name.ends_with(tail)
                };
                paths.filter(fits).collect()
            }
        };
    }
    places.iter().any(|p| p.exists())
}

/// Whether a link leads somewhere; a link to an anchor needs its heading.
fn leads_somewhere(document: &Path, own: &Parts, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    if file.is_empty() {
        return own.anchors().contains(anchor);
    }
    let path = plain(&document.with_file_name("").join(file));
    if !exists(&path) {
        return false;
    }
    anchor.is_empty() || Parts::of(&read(&path)).anchors().contains(anchor)
}

/// Names of the folders and files at the root that are the project's.
fn top_level() -> BTreeSet<String> {
    let entries = fs::read_dir(root()).expect("the root");
    let names = entries.map(|e| e.expect("an entry").file_name());
    names
        .map(|n| n.to_string_lossy().into_owned())
        .filter(|n| n != "target" && n != ".git")
        .collect()
}

/// Whether the word is meant as a path of the project.
fn is_path(word: &str, top_level: &BTreeSet<String>) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    if word.starts_with('/') || !word.chars().all(fits) || !word.contains(char::is_alphabetic) {
        return false;
    }
    let first = word.split('/').next().unwrap_or_default();
    if word.contains('/') && top_level.contains(first) {
        return true;
    }
    let ending = word
        .rsplit_once('.')
        .map(|(stem, ending)| (stem.is_empty(), ending));
    let is_file = ending.is_some_and(|(bare, ending)| !bare && ENDINGS.contains(&ending));
    is_file || (word.ends_with('/') && word.matches('/').count() <= 2)
}

/// Whether the path exists, from wherever it may be written.
fn is_there(document: &Path, word: &str) -> bool {
    let mut path = word.to_owned();
    for placeholder in PLACEHOLDERS {
        path = path.replace(placeholder, "*");
    }
    let own = document.with_file_name("");
    let bases = BASES.iter().map(PathBuf::from).chain([own]);
    bases.into_iter().any(|base| exists(&base.join(&path)))
}

/// References of a document to things that do not exist.
fn stale(document: &Path, text: &str) -> Vec<String> {
    let parts = Parts::of(text);
    let top_level = top_level();
    let mut found = Vec::new();
    for target in parts.links().filter(|t| !t.contains(':')) {
        if !leads_somewhere(document, &parts, target) {
            found.push(format!("{}: link to {target}", document.display()));
        }
    }
    // A span that is one word may be written from a room; in commands only paths from the root are meant.
    let (whole, commands): (Vec<&String>, Vec<&String>) = parts
        .spans
        .iter()
        .partition(|s| !s.contains(char::is_whitespace));
    let words = whole.into_iter().filter(|w| is_path(w, &top_level));
    let within = |line: &'_ String| -> Vec<String> {
        let separators = |c: char| c.is_whitespace() || "\"'()<>=,;:|".contains(c);
        let words = line.split(separators).map(|w| w.trim_start_matches("//"));
        let from_root = |w: &&str| {
            let first = w.split_once('/').map(|(first, _)| first);
            first.is_some_and(|f| top_level.contains(f)) && is_path(w, &top_level)
        };
        words.filter(from_root).map(str::to_owned).collect()
    };
    let in_commands = commands.into_iter().chain(&parts.code).flat_map(within);
    let words = words.cloned().chain(in_commands);
    for word in words.filter(|w| !OF_READERS.contains(&w.as_str())) {
        if !is_there(document, &word) {
            found.push(format!("{}: path {word}", document.display()));
        }
    }
    found
}

#[test]
fn links_and_paths_in_the_documents_exist() {
    let all = documents();
    assert!(
        all.len() > 70,
        "only {} documents: have they moved?",
        all.len()
    );
    let found: Vec<String> = all.iter().flat_map(|d| stale(d, &read(d))).collect();
    assert!(
        found.is_empty(),
        "these lead nowhere:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_readme_leads_to_every_page_of_the_docs() {
    let readme = Parts::of(&read(Path::new("README.md")));
    let linked: BTreeSet<&str> = readme.links().collect();
    for document in documents().iter().filter(|d| d.starts_with("docs")) {
        let path = document.to_string_lossy().into_owned();
        assert!(
            linked.contains(path.as_str()),
            "README.md has no link to {path}"
        );
    }
}

/// It finds each kind of stale reference, and nothing else.
#[test]
fn stale_links_anchors_and_paths_are_found() {
    let text = "\
# A page: its `title`, and more\n\
## Twice\n\
## Twice\n\
\n\
Good: [a](../LICENSE), [b](#a-page-its-title-and-more), [c](#twice-1), [d](https://example.com/gone.md),\n\
[e](../infra/README.md#what-it-costs), `src/lib.rs`, `run/`, `group/phases/sealing.rs`, `phases/sealing.rs`,\n\
`Cargo.toml`, `/asg-patch/records/NAME`, `runbooks/AP-NNNN.md`, `tests/scenarios/*.toml`, `states:StartExecution`,\n\
`asg-patch rehearse --fleet tests/scenarios/refusals.toml`, `3.14`, `N/N`, `report/../lib.rs`.\n\
\n\
Stale: [f](../GONE), [g](#gone), [h](../infra/README.md#gone), `src/gone.rs`, `aws/gone.rs`, `gone.toml`,\n\
`asg-patch rehearse --fleet tests/scenarios/gone.toml`, `tests/gone/*.toml`, `gone/`.\n\
\n\
```sh\n\
# Not a heading\n\
aws ssm create-document --content file://runbooks/documents/AsgPatch-Plan.yaml\n\
aws ssm create-document --content file://runbooks/gone.yaml --name target/gone\n\
```\n";
    let expected = [
        "link to ../GONE",
        "link to #gone",
        "link to ../infra/README.md#gone",
        "path src/gone.rs",
        "path aws/gone.rs",
        "path gone.toml",
        "path tests/gone/*.toml",
        "path gone/",
        "path tests/scenarios/gone.toml",
        "path runbooks/gone.yaml",
    ];
    let mut found = stale(Path::new("docs/page.md"), text);
    let mut expected = expected.map(|e| format!("docs/page.md: {e}"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(
        stale(
            Path::new("docs/page.md"),
            "[x](#not-a-heading)\n\n```sh\n# Not a heading\n```\n"
        ),
        ["docs/page.md: link to #not-a-heading"]
    );
}
