//! The HTML report as others see it: a validator, and a browser at three widths, light and dark.

#[path = "../witness/mod.rs"]
mod witness;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use self::witness::node::Node;
use self::witness::{made, run};
use crate::support::asg_patch;

/// A name that is markup, and would leave a mark if it ran.
const MARKUP: &str = "<img src=x onerror=\"window.marked=1\"><script>window.marked=1</script>";
/// Names of the browser on Debian, Ubuntu, Fedora and elsewhere.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// WCAG 2.2, contrast (minimum), level AA.
const LEAST_CONTRAST: f64 = 4.5;

/// The report of the sample fleet with one name that is markup, and one group that is not restored, as an HTML file.
fn page(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).expect("a directory");
    let rehearsed = asg_patch(&["rehearse", "--json", "--quiet"], &[]);
    let mut report: Value = serde_json::from_slice(&rehearsed.stdout).expect("a report");
    let groups = report["groups"].as_array_mut().expect("groups");
    groups[0]["group"] = json!(MARKUP);
    groups[0]["reason"] = json!(MARKUP);
    groups[0]["notes"] = json!([MARKUP]);
    groups[1]["left_open"] = json!(true);
    report["warnings"] = json!([MARKUP]);
    let [file, html] = ["report.json", "report.html"].map(|name| folder.join(name));
    fs::write(&file, report.to_string()).expect("a file");
    let [from, to] = [&file, &html].map(|p| p.display().to_string());
    let output = asg_patch(&["report", &from, "--html", &to], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    html
}

fn browser() -> &'static str {
    let found = BROWSERS.into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|v| v.status.success())
    });
    found.unwrap_or_else(|| {
        panic!(
            "this check needs Chromium: install it (Debian: apt-get install chromium; Fedora: dnf install chromium; \
             macOS: brew install chromium); looked for {}",
            BROWSERS.join(", ")
        )
    })
}

/// Runs the browser without a window on a page, with a profile of its own.
fn browse(folder: &Path, options: &[&str], page: &Path) -> String {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let mut command = Command::new(browser());
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--hide-scrollbars",
            "--disable-background-networking",
            &profile,
        ])
        .args(options)
        .arg(format!("file://{}", page.display()));
    run("the browser", &mut command).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn a_validator_has_nothing_against_it() {
    let node = Node::with("html", "tests/html").unwrap_or_else(|why| panic!("{why}"));
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/html/rules.json");
    let judged = |page: &Path| {
        let mut validator = node.tool("html-validate");
        validator.arg("--config").arg(&rules).arg(page);
        run("html-validate", &mut validator)
    };
    let folder = made("html-valid");
    let page = page(&folder);
    judged(&page).unwrap_or_else(|why| panic!("{why}"));
    // It does look.
    let text = fs::read_to_string(&page).expect("the page");
    let broken = folder.join("broken.html");
    fs::write(&broken, text.replacen("</h2>", "</h3>", 1)).expect("a file");
    judged(&broken).expect_err("a heading that is not closed");
}

#[test]
fn a_browser_shows_it_at_every_width_and_runs_nothing() {
    let folder = made("html-shown");
    let page = page(&folder);
    let measure = include_str!("../html/measure.html").replace("REPORT", "report.html");
    let measuring = page.with_file_name("measure.html");
    fs::write(&measuring, measure).expect("a file");
    for scheme in ["0", "1"] {
        // 0 is dark, 1 is light.
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        let options = ["--dump-dom", "--allow-file-access-from-files", &scheme];
        let shown = browse(&folder, &options, &measuring);
        let found = shown
            .split_once("<pre id=\"found\">")
            .and_then(|(_, rest)| rest.split_once("</pre>"));
        let (found, _) = found.unwrap_or_else(|| panic!("nothing was measured: {shown}"));
        let found = found
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        let found: Value = serde_json::from_str(&found).unwrap_or_else(|e| panic!("{e}: {found}"));
        let frames = found.as_array().expect("a list");
        assert_eq!(frames.len(), 3, "{found}");
        for frame in frames {
            for nothing in [
                "too_wide",
                "out_of_reach",
                "unnamed_charts",
                "empty_links",
                "scripts",
                "loaded",
            ] {
                assert_eq!(frame[nothing], 0, "{nothing}, {scheme}: {frame}");
            }
            assert_eq!(frame["marked"], true, "markup ran: {frame}");
            let contrast = frame["contrast"].as_f64().expect("a number");
            assert!(contrast >= LEAST_CONTRAST, "{contrast}, {scheme}: {frame}");
            let names = frame["names"].as_array().expect("names");
            assert_eq!(names.len(), 14, "{frame}");
            assert_eq!(names[0], MARKUP);
        }
        // The frames are as wide as they were asked to be.
        let widths: Vec<&Value> = frames.iter().map(|f| &f["width"]).collect();
        assert_eq!(widths, [360, 800, 1440]);
    }
}
