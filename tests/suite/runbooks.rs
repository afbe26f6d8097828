//! Every code has its page in `runbooks/`, every page its code, and the rehearsals that pages offer show
//! what they say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use asg_patch::group::Code;
use asg_patch::group::own_documents::OwnDocument;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn path(code: Code) -> PathBuf {
    root().join(format!("runbooks/{code}.md"))
}

fn page(code: Code) -> String {
    read(&path(code))
}

/// Files below `runbooks/` that end in `.md`.
fn pages() -> BTreeSet<PathBuf> {
    let files = fs::read_dir(root().join("runbooks")).expect("the directory is there");
    files
        .map(|file| file.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let mut expected: BTreeSet<PathBuf> = Code::ALL.iter().map(|c| path(*c)).collect();
    for other in ["README.md", "alarms.md", "replay.md", "stop.md"] {
        expected.insert(root().join("runbooks").join(other));
    }
    assert_eq!(pages(), expected);
}

/// People's pages at the top, everything else in a folder that says what it is.
#[test]
fn each_kind_has_its_folder() {
    let names = |folder: &str, kind: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
        let paths = entries.map(|e| e.expect("it can be listed").path());
        let others = paths.filter(|p| p.extension().is_none_or(|e| e != kind));
        others
            .map(|p| {
                p.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    };
    let folders = ["documents", "guest"].map(str::to_owned);
    assert_eq!(names("runbooks", "md"), BTreeSet::from(folders));
    let own = OwnDocument::ALL.map(|own| format!("{}.json", own.name()));
    assert_eq!(names("runbooks/documents", "yaml"), BTreeSet::from(own));
    let scripts = [
        "ready-linux.sh",
        "ready-windows.ps1",
        "seal-linux.sh",
        "seal-windows.ps1",
    ];
    let scripts = scripts.map(str::to_owned);
    assert_eq!(names("runbooks/guest", ""), BTreeSet::from(scripts));
}

#[test]
fn a_page_says_what_it_is_about_and_answers_three_questions() {
    for code in Code::ALL {
        let text = page(*code);
        let title = format!("# {code}: {}", code.title());
        assert_eq!(text.lines().next(), Some(title.as_str()));
        let headings: Vec<&str> = text.lines().filter(|l| l.starts_with("## ")).collect();
        let expected = [
            "## What was done to the group",
            "## What to check",
            "## How to replay",
        ];
        assert_eq!(headings, expected, "{code}");
        let before_first = text.split("## ").next().unwrap_or_default();
        assert!(
            before_first.lines().count() > 2,
            "{code} does not say what it means"
        );
    }
}

#[test]
fn the_index_lists_every_code_with_its_title() {
    let index = read(&root().join("runbooks/README.md"));
    let rows: Vec<&str> = index.lines().filter(|l| l.starts_with("| [AP-")).collect();
    let row = |c: &Code| format!("| [{c}]({c}.md) | {} |", c.title());
    assert_eq!(rows, Code::ALL.iter().map(row).collect::<Vec<_>>());
}

/// Where a page offers a rehearsal of its failure, the rehearsal shows the page's code.
#[test]
fn rehearsals_show_the_code_of_their_page() {
    let mut shown = 0;
    for code in Code::ALL {
        let text = page(*code);
        let commands = text
            .lines()
            .filter_map(|l| l.strip_prefix("asg-patch rehearse "));
        for command in commands {
            let output = Command::new(env!("CARGO_BIN_EXE_asg-patch"))
                .current_dir(root())
                .args(["rehearse", "--json", "--quiet"])
                .args(command.split(' '))
                .output()
                .expect("the program starts");
            let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
            let groups = report["groups"].as_array();
            let codes: Vec<&str> = groups
                .into_iter()
                .flatten()
                .filter_map(|g| g["code"].as_str())
                .collect();
            assert!(
                codes.contains(&code.as_str()),
                "{code}: {command} shows {codes:?}"
            );
            shown += 1;
        }
    }
    assert!(
        shown >= 30,
        "only {shown} pages offer a rehearsal of their failure"
    );
}
