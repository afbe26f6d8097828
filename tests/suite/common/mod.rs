//! Shared by the suites: a run on a simulated account from a fleet file, under a paused clock.
//!
//! A fleet file for a test may say in its comments how it is run: lines that begin with `#!` hold flags
//! of `asg-patch rehearse`, so that the same story can be looked at with the program itself.

pub(crate) mod end;
pub(crate) mod invariants;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asg_patch::aws::Aws;
use asg_patch::group::allowed::{Allowed, AllowedDocuments};
use asg_patch::group::allowed_runbooks::AllowedRunbooks;
use asg_patch::report::RunReport;
use asg_patch::request::OptInTag;
use asg_patch::request::{AtDeadline, FailureLimit, RunRequest, Selection};
use asg_patch::run::{Progress, RecordFilter, RestoreRequest, RunError, Stop};
use asg_patch::schedule::Window;
use asg_patch::sim::calls::CallRecord;
use asg_patch::sim::fleet::Fleet;
use asg_patch::sim::world::World;
use asg_patch::sim::{Account, fleet, sdk};
use chrono::{DateTime, TimeDelta, Utc};

/// The run's id in every test: what a run makes is named after it.
pub(crate) const RUN_ID: &str = "run-test";
/// The driver.
pub(crate) const OWNER: &str = "test:1";

/// The account is looked at this long after the run: what was under way then has happened.
pub(crate) const SETTLING: Duration = Duration::from_secs(15 * 60);

/// The text of a file beside the tests.
pub(crate) fn scenario_text(name: &str) -> String {
    let path = scenario_dir().join(format!("{name}.toml"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(crate) fn scenario_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// The scenarios there are, by name.
pub(crate) fn scenario_names() -> Vec<String> {
    let files = std::fs::read_dir(scenario_dir()).expect("tests/scenarios exists");
    let mut names: Vec<String> = files
        .map(|f| f.expect("a readable directory").path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .map(|p| {
            p.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// A fleet and how it is run.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) fleet: Fleet,
    pub(crate) request: RunRequest,
    /// The operator presses Ctrl-C right after the first call of this operation.
    pub(crate) stop_on: Option<String>,
}

/// A run and what it left behind.
pub(crate) struct Ran {
    pub(crate) start: DateTime<Utc>,
    /// The world as it was then.
    pub(crate) before: World,
    pub(crate) report: RunReport,
    pub(crate) account: Account,
    /// The request's limit.
    pub(crate) restore_by: DateTime<Utc>,
}

impl Ran {
    /// The changing calls that took effect or were refused, in order.
    pub(crate) fn changes(&self) -> Vec<CallRecord> {
        self.account.calls().changes().cloned().collect()
    }
}

impl Scenario {
    /// Reads a scenario of `tests/scenarios`.
    pub(crate) fn load(name: &str) -> Self {
        Self::parse(&scenario_text(name)).unwrap_or_else(|e| panic!("{name}.toml: {e}"))
    }

    /// Reads a fleet file with the flags in its `#!` lines.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fleet = fleet::parse(text).map_err(|e| e.to_string())?;
        let mut scenario = Self::of_fleet(fleet);
        let flags = text.lines().filter_map(|l| l.strip_prefix("#!"));
        let words: Vec<&str> = flags.flat_map(str::split_whitespace).collect();
        let (mut duration, mut cutoff) = (TimeDelta::hours(3), TimeDelta::hours(1));
        for pair in words.chunks(2) {
            let [flag, value] = pair else {
                return Err(format!("#!: expected a value after {pair:?}"));
            };
            let minutes = || value.trim_end_matches('m').parse().map(TimeDelta::minutes);
            let wrong = |e: &dyn std::fmt::Display| format!("#! {flag} {value}: {e}");
            let request = &mut scenario.request;
            match *flag {
                "--max-in-flight" => {
                    request.max_in_flight = Some(value.parse().map_err(|e| wrong(&e))?);
                }
                "--max-failures" => request.max_failures = value.parse().map_err(|e| wrong(&e))?,
                "--at-deadline" => request.at_deadline = value.parse().map_err(|e| wrong(&e))?,
                "--keep-failed" => {
                    request.keep_failed = Some(value.parse().map_err(|e| wrong(&e))?);
                }
                "--operation" => request.operation = value.parse().map_err(|e| wrong(&e))?,
                "--group" => request.selection.groups.push((*value).into()),
                "--topic-arn" => request.topic_arn = Some((*value).to_owned()),
                "--duration" => duration = minutes().map_err(|e| wrong(&e))?,
                "--cutoff" => cutoff = minutes().map_err(|e| wrong(&e))?,
                // Tests allow what the fleet has.
                "--before-document" => {
                    request.documents.before = Some(value.parse().map_err(|e| wrong(&e))?);
                }
                "--after-document" => {
                    request.documents.after = Some(value.parse().map_err(|e| wrong(&e))?);
                }
                "--before-failure" => {
                    request.documents.before_failure = Some(value.parse().map_err(|e| wrong(&e))?);
                }
                "--after-failure" => {
                    request.documents.after_failure = Some(value.parse().map_err(|e| wrong(&e))?);
                }
                "--allow-document" | "--allow-parameter" | "--allow-runbook" | "--runbook-role" => {
                }
                "ctrl-c-on" => scenario.stop_on = Some((*value).to_owned()),
                other => return Err(format!("#!: no flag {other} is known here")),
            }
        }
        let start = scenario.fleet.start();
        scenario.request.window =
            Window::lasting(start, duration, cutoff).map_err(|e| e.to_string())?;
        Ok(scenario)
    }

    /// A fleet run with the program's defaults: a window of 3 h, of which the last starts nothing.
    pub(crate) fn of_fleet(fleet: Fleet) -> Self {
        let window = Window::lasting(fleet.start(), TimeDelta::hours(3), TimeDelta::hours(1))
            .expect("a window");
        let request = RunRequest {
            run_id: RUN_ID.into(),
            owner: OWNER.into(),
            window,
            selection: Selection::default(),
            operation: asg_patch::request::Operation::Install,
            max_in_flight: None,
            max_failures: FailureLimit::Percent(100),
            topic_arn: None,
            at_deadline: AtDeadline::default(),
            keep_failed: None,
            documents: Default::default(),
            place_tags: Default::default(),
            ring: None,
            about: Default::default(),
        };
        Self {
            fleet,
            request,
            stop_on: None,
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Ran {
        self.try_run()
            .unwrap_or_else(|e| panic!("the run ends with a report: {e}"))
    }

    /// Runs it to its end.
    pub(crate) fn try_run(&self) -> Result<Ran, RunError> {
        self.try_run_with(|_| ())
    }

    /// Runs it to its end on an account that was prepared before, with fault rules for instance.
    pub(crate) fn run_with(&self, prepare: impl FnOnce(&Account)) -> Ran {
        self.try_run_with(prepare)
            .unwrap_or_else(|e| panic!("the run ends with a report: {e}"))
    }

    /// As [`Self::run_with`].
    pub(crate) fn try_run_with(&self, prepare: impl FnOnce(&Account)) -> Result<Ran, RunError> {
        in_virtual_time(self.fleet.seed(), async {
            let account = self.fleet.account(1);
            prepare(&account);
            self.run_on(&account).await
        })
    }

    /// Runs it to its end on an account.
    pub(crate) async fn run_on(&self, account: &Account) -> Result<Ran, RunError> {
        let before = account.with_world(|w| w.clone());
        let (report, _) = drive(account, &self.request, self.stop_on.as_deref()).await?;
        account.clock().wait(SETTLING).await;
        account.with_world(|_| ()); // brings the world up to now
        Ok(Ran {
            start: self.fleet.start(),
            before,
            report,
            account: account.clone(),
            restore_by: self.request.restore_by(),
        })
    }
}

/// Runs something on a thread of its own in tokio's paused time: same seed, same course.
pub(crate) fn in_virtual_time<T>(seed: u64, future: impl Future<Output = T>) -> T {
    fastrand::seed(seed); // the SDK's jitter comes from this thread's generator
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Does something with each item, on all cores; the results are in the items' order.
pub(crate) fn on_all_cores<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((index, item)) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let result = work(item);
                    results.lock().unwrap().insert(index, result);
                }
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

/// Everything that the account's groups name in their tags.
pub(crate) fn allowed(account: &Account) -> Allowed {
    let (mut documents, mut parameters) = (Vec::new(), Vec::new());
    account.with_world(|world| {
        for group in world.groups.values() {
            let value = |option: &str| {
                let mut tags = group.tags.iter();
                let tag = tags.find(|(key, _)| key.ends_with(option));
                tag.map(|(_, tag)| tag.value.clone())
            };
            let document = value(":document");
            documents.extend(document.iter().cloned());
            documents.extend(value(":prove-document"));
            let document = document.unwrap_or_else(|| "AWS-RunPatchBaseline".into());
            let pairs = value(":parameters").unwrap_or_default();
            let names = pairs.split(';').filter_map(|pair| pair.split_once('='));
            parameters.extend(names.map(|(name, _)| format!("{document}/{}", name.trim())));
        }
    });
    let with = |documents: &[String], parameters: &[String]| {
        let documents = documents.iter().map(String::as_str);
        AllowedDocuments::with(documents, parameters.iter().map(String::as_str))
    };
    documents.retain(|name| with(std::slice::from_ref(name), &[]).is_ok());
    parameters.retain(|name| with(&documents, std::slice::from_ref(name)).is_ok());
    Allowed {
        documents: with(&documents, &parameters).expect("each of them is allowable"),
        runbooks: allowed_runbooks(account),
        ..Allowed::default()
    }
}

/// All runbooks of the account, and one role for them.
fn allowed_runbooks(account: &Account) -> AllowedRunbooks {
    let names: Vec<String> = account.with_world(|w| w.ssm.runbooks.keys().cloned().collect());
    let names = names.iter().map(String::as_str);
    AllowedRunbooks::with(names, [RUNBOOK_ROLE]).expect("names of runbooks")
}

/// The role with which runbooks run.
pub(crate) const RUNBOOK_ROLE: &str = "arn:aws:iam::123456789012:role/Acme-Runbooks";

/// The way of a run to `account`. Groups may name what they name.
pub(crate) fn aws(account: &Account, run_id: &str) -> Aws {
    let sdk = sdk::sdk_config(account, run_id);
    Aws::new(account.clock().clone(), sdk).allowing(allowed(account))
}

/// Drives one run to its end.
pub(crate) async fn drive(
    account: &Account,
    request: &RunRequest,
    stop_on: Option<&str>,
) -> Result<(RunReport, Vec<Progress>), RunError> {
    drive_in(&aws(account, &request.run_id), account, request, stop_on).await
}

/// Drives one run to its end, with a way of its own to the account.
pub(crate) async fn drive_in(
    aws: &Aws,
    account: &Account,
    request: &RunRequest,
    stop_on: Option<&str>,
) -> Result<(RunReport, Vec<Progress>), RunError> {
    let (tell, stop) = tokio::sync::watch::channel(Stop::Continue);
    let tell = Arc::new(tell);
    let mut lines = Vec::new();
    let mut listen = |p: &Progress| lines.push(p.clone());
    let clock = account.clock().clone();
    let run = asg_patch::run::run(aws, request, stop, &mut listen);
    let press = async {
        if let Some(operation) = stop_on {
            let was_called = || {
                let calls = account.calls();
                let mut log = calls.log.iter();
                log.any(|c| c.name == operation && !c.is_dry_run())
            };
            while !was_called() {
                clock.wait(Duration::from_millis(50)).await;
            }
            tell.send_replace(Stop::Restore);
        }
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        // In the same order each time: both may be due at the same moment.
        biased;
        report = run => report?,
        () = press => unreachable!("it never ends"),
    };
    Ok((report, lines))
}

/// An operator restores all groups that have a record, by name.
pub(crate) async fn restore_all(account: &Account) -> RunReport {
    let aws = aws(account, "restore");
    let request = RestoreRequest {
        owner: "operator".into(),
        filter: RecordFilter::named_or_due(end::open_groups(account), true),
        tag: OptInTag::default(),
        give_up_at: aws.clock.now() + TimeDelta::hours(2),
    };
    let (_keep, stop) = tokio::sync::watch::channel(Stop::Continue);
    asg_patch::run::restore(&aws, &request, stop, &mut |_| {})
        .await
        .expect("a report")
}
