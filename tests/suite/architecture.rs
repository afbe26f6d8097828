//! Holds the direction of the arrows: who may know whom (see ARCHITECTURE.md).

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder of the crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Lines of code (comments left out) in `folder` that contain one of `words`.
fn offenders(folder: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let target = root.join(folder);
    let files = if target.is_dir() {
        sources(&target)
    } else {
        vec![target.with_extension("rs")]
    };
    assert!(!files.is_empty(), "{folder} has no sources: has it moved?");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|w| code.contains(w)) {
                found.push(format!(
                    "{}:{}: {}",
                    file.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    found
}

#[test]
fn arrows_point_one_way() {
    let impure = [
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
    let rules: [(&str, Vec<&str>); 14] = [
        (
            "group",
            [
                &impure[..],
                &[
                    "crate::aws",
                    "crate::run",
                    "crate::sim",
                    "crate::report",
                    "crate::notify",
                ],
            ]
            .concat(),
        ),
        (
            "schedule",
            [
                &impure[..],
                &[
                    "crate::aws",
                    "crate::run",
                    "crate::sim",
                    "crate::group",
                    "crate::report",
                ],
            ]
            .concat(),
        ),
        (
            "report",
            [&impure[..], &["crate::aws", "crate::sim"]].concat(),
        ),
        (
            "notify",
            [&impure[..], &["crate::aws", "crate::sim", "crate::run"]].concat(),
        ),
        ("run/admit", impure.to_vec()),
        ("run/units", impure.to_vec()),
        ("run/summary", impure.to_vec()),
        ("run/relay/split", impure.to_vec()),
        ("trigger", impure.to_vec()),
        ("lambda", vec!["crate::sim", "aws_sdk", "println!"]),
        ("run", vec!["crate::sim", "crate::lambda"]),
        ("bin", vec!["asg_patch::sim", "asg_patch::cli"]),
        (
            "aws",
            vec!["crate::sim", "crate::run", "crate::report", "crate::notify"],
        ),
        (
            "sim",
            vec![
                "crate::group",
                "crate::run",
                "crate::aws",
                "crate::report",
                "crate::notify",
            ],
        ),
    ];
    let found: Vec<String> = rules
        .iter()
        .flat_map(|(folder, words)| offenders(folder, words))
        .collect();
    assert!(
        found.is_empty(),
        "these lines know what they must not:\n{}",
        found.join("\n")
    );
}

#[test]
fn only_the_command_line_writes_to_stdout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders: Vec<String> = fs::read_dir(&root)
        .expect("src")
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "cli" && name != "main.rs" && name != "bin")
        .collect();
    let found: Vec<String> = folders
        .iter()
        .map(|f| f.trim_end_matches(".rs").to_owned())
        .flat_map(|f| offenders(&f, &["println!", "print!(", "io::stdout"]))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
