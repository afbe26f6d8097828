//! Freezes of a file and what its windows demand: shown by each command before a run is refused for them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ended, SMALL, Simulation, asg_patch, text};

/// The simulated day lies in the freeze.
const FILE: &str = r#"
[[window]]
name = "dev"
schedule = "cron(0 5 ? * * *)"

[[window]]
name = "prod"
schedule = "cron(0 6 ? * * *)"
after = "dev"
approval = "required"

[[freeze]]
from = "2026-10-10T00:00"
until = "2026-10-15T12:00"
windows = ["prod"]
why = "the sale"
"#;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, FILE).expect("a file");
    path.display().to_string()
}

fn warnings(ended: &Ended) -> Vec<&str> {
    let warnings = ended.json["warnings"].as_array().expect("warnings");
    warnings.iter().filter_map(Value::as_str).collect()
}

const BY_HAND: &str = "by hand: window 'prod' asks for `after = \"dev\"` and an approval, and a run from the command line does not \
                       wait for that";

#[test]
fn what_a_run_would_be_refused_for_is_shown_before() {
    let simulation = Simulation::of_small_fleet("200");
    let config = file("frozen.toml");
    let with_file = ["--config", &config];
    let in_window = [&with_file[..], &["--window", "prod"]].concat();

    let plan = simulation.json(&[&["plan"][..], &in_window].concat());
    let said = warnings(&plan);
    assert!(
        said[0].starts_with("a run now is refused: AP-0808: the sale (from 2026-10-10"),
        "{said:?}"
    );
    assert!(said.contains(&BY_HAND), "{said:?}");
    assert_eq!(plan.code, Some(1), "{}", plan.stderr);
    // Another window is not frozen, and no file has no freeze.
    for args in [
        &["plan", "--config", &config, "--window", "dev"][..],
        &["plan"],
    ] {
        let plan = simulation.json(args);
        assert_eq!((plan.code, warnings(&plan).len()), (Some(0), 0), "{args:?}");
    }

    let windows = simulation.json(&[&["windows"][..], &with_file].concat());
    let of = |name: &str| {
        let all = windows.json["windows"].as_array().expect("windows");
        all.iter()
            .find(|w| w["window"] == name)
            .expect("it")
            .clone()
    };
    let frozen = |window: &Value| -> Vec<bool> {
        let openings = window["openings"].as_array().expect("openings");
        openings.iter().map(|o| o["frozen"].is_string()).collect()
    };
    // Today's opening may be over, by the time that the account has run on.
    assert_eq!(frozen(&of("prod")).last(), Some(&false));
    assert!(
        frozen(&of("prod"))[0] && !frozen(&of("dev"))[0],
        "{}",
        windows.json
    );
    assert_eq!(of("prod")["after"], "dev");
    assert_eq!(of("prod")["approval_required"], true);

    let freezes = simulation.json(&[&["freeze"][..], &with_file].concat());
    let [freeze] = freezes.json["freezes"]
        .as_array()
        .expect("freezes")
        .as_slice()
    else {
        panic!("not one freeze: {}", freezes.json);
    };
    assert_eq!(freeze["holds"], "with-the-file");
    assert_eq!(freeze["is_frozen_now"], true);
    let push = simulation.json(&[&["config", "push"][..], &with_file].concat());
    assert_eq!(push.code, Some(0), "{}", push.json);
    let table = simulation.printed(&["freeze"]);
    assert!(
        table.starts_with("FROZEN  from ")
            && table.contains("runs of the stack in prod (version 1"),
        "{table}"
    );

    let refused = simulation.json(&[&["run"][..], &in_window].concat());
    assert!(
        refused.json.to_string().contains("AP-0808"),
        "{}",
        refused.json
    );
    assert_eq!(refused.code, Some(2));
    let despite = ["--despite-freeze", "--group", "api"];
    let ran = simulation.json(&[&["run"][..], &in_window, &despite].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.json);
    assert!(ran.stderr.contains(BY_HAND), "{}", ran.stderr);
}

/// A rehearsal goes on, and says that the run itself would not.
#[test]
fn a_rehearsal_says_that_its_run_would_be_refused() {
    let config = file("frozen-rehearsal.toml");
    let rehearse = [
        "rehearse", "--fleet", SMALL, "--config", &config, "--window", "prod", "--json",
    ];
    let ended = Ended::from(asg_patch(&rehearse, &[]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = warnings(&ended);
    assert!(
        said[0].starts_with(
            "rehearsed all the same; a run at this time is refused: AP-0808: the sale"
        ),
        "{said:?}"
    );
    assert!(said.contains(&BY_HAND), "{said:?}");
    assert_eq!(ended.json["groups"][0]["outcome"], json!("patched"));
}

/// The one who declares a freeze is named, also where the environment does not say who it is.
#[test]
fn a_freeze_has_the_name_of_the_one_who_declares_it() {
    let simulation = Simulation::of_small_fleet("1");
    let table = simulation.printed(&["freeze", "--for", "1h", "--why", "the sale"]);
    assert!(
        table.contains("all runs in all windows and by hand"),
        "{table}"
    );
    assert!(
        table.contains("declared by ") && !table.contains("by unknown"),
        "{table}"
    );
    let none = simulation.json(&["approve", "--window", "prod", "--why", "CHG-17"]);
    let message = none.json["error"]["message"].to_string();
    assert!(
        message.contains("comes with the deployed stack"),
        "{message}"
    );
    let output = asg_patch(&["freeze", "-o", "csv"], &simulation.environment());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
}
