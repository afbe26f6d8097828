//! boto3 and the AWS CLI against the simulated account on loopback, the AWS CLI as the runbooks call it, and the libraries of chat
//! services on notices.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's own helpers

mod witness;

use std::sync::mpsc;
use std::thread;

use asg_patch::channels::{Channel, Outside, send};
use asg_patch::clock::Clock;
use asg_patch::notices::render::{slack, teams};
use asg_patch::notices::{Notice, NoticeEvent, OwnWords, TargetIds, Told, bare, sample};
use asg_patch::secret::Secret;
use asg_patch::sim::parties::{Parties, PartiesConnector, Received};
use asg_patch::sim::{fleet, server};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use witness::Python;
use witness::node::Node;

/// Simulated seconds in a real one: an image that takes five minutes is there in three seconds.
const SPEED: u32 = 100;
/// Begins on a Monday night, hours away from its scheduled actions.
const FLEET: &str = include_str!("witness/fleet.toml");

/// The simulated account, served by a thread of its own until this is dropped.
struct Simulated {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Simulated {
    fn start() -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (say, hear) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let account = fleet::parse(FLEET).expect("a fleet").account(SPEED);
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
                let address = listener.local_addr().expect("an address");
                say.send(format!("http://{address}")).expect("a listener");
                tokio::select! {
                    ended = server::serve(account, listener) => panic!("the server ended: {ended:?}"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            endpoint: hear.recv().expect("the server's address"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; a second one here would abort.
            let _ = thread.join();
        }
    }
}

fn passes(script: &str, arguments: &[&str]) {
    let python = Python::ready().unwrap_or_else(|why| panic!("{why}"));
    let said = python.script(script, arguments);
    println!("{}", said.unwrap_or_else(|why| panic!("{why}")));
}

#[test]
fn the_judge_finds_what_is_wrong() {
    passes("shapes_check.py", &[]);
}

#[test]
fn boto3_understands_the_simulated_account() {
    let simulated = Simulated::start();
    passes("boto3_check.py", &[&simulated.endpoint]);
}

/// Commands that an operator copies from the runbooks work; the chapter By hand leaves the account as it was.
#[test]
fn every_command_of_the_runbooks_runs() {
    passes("pages_check.py", &[env!("CARGO_BIN_EXE_asg-patch")]);
}

#[test]
fn the_aws_cli_understands_the_simulated_account() {
    let simulated = Simulated::start();
    passes("awscli_check.py", &[&simulated.endpoint]);
}

/// Every notice, as it usually is, as bare as it can be, and with more groups and packages than any service shows.
fn notices() -> Vec<Notice> {
    let many = |event: NoticeEvent| {
        let mut notice = sample(event);
        notice.application = "<!channel> *a* [b](https://c) & ".repeat(8);
        notice.groups = vec![notice.groups[1].clone(); 400];
        notice.packages = (0..2_000).map(|n| format!("package-{n}-1.2.3")).collect();
        notice
    };
    let of = |event: &NoticeEvent| [sample(*event), bare(*event), many(*event)];
    NoticeEvent::ALL.iter().flat_map(of).collect()
}

fn written(name: &str, document: &Value) -> String {
    let file = witness::made(name);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(&file, document.to_string()).expect("a file");
    file.display().to_string()
}

/// Webhooks as they arrive, signed at the real time: their judge allows five minutes.
fn signed_webhooks(key: &str) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let sent = async {
        let clock = Clock::system();
        let parties = Parties::new(clock.clone());
        let outside = Outside::over(PartiesConnector::new(parties.clone()), clock);
        let table = "name = \"w\"\nkind = \"webhook\"\nsecret = \"/asg-patch/secrets/w\"\n\
                     previous-secret = \"/asg-patch/secrets/v\"\nurl = \"https://receiver.example.org/x\"";
        let table = toml::from_str(table).expect("a channel");
        let (new, old) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key);
        let channel = Channel::new(&table, Secret::new(new), Some(Secret::new(old)));
        let channel = channel.expect("a channel");
        for notice in notices().iter().take(6) {
            let mut told = Told::default();
            let sent = send(&outside, &channel, &TargetIds::Plain, notice, &mut told).await;
            sent.expect("it is taken");
        }
        parties.with(|p| p.receiver.requests.clone())
    };
    let row = |r: Received| json!({"id": r.id, "timestamp": r.timestamp, "signature": r.signature, "body": r.body});
    runtime.block_on(sent).into_iter().map(row).collect()
}

#[test]
fn slack_and_standard_webhooks_understand_notices() {
    const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let simulated = Simulated::start();
    let words = OwnWords::default();
    let messages = notices().into_iter().flat_map(|notice| {
        let details = slack::details(&notice, &words, true);
        [
            Some(slack::head(&notice, &words)),
            Some(slack::whole(&notice, &words)),
            details,
        ]
    });
    let messages: Vec<Value> = messages.flatten().collect();
    let given = json!({"slack": messages, "key": KEY, "received": signed_webhooks(KEY)});
    let file = written("channels.json", &given);
    passes("channels_check.py", &[&simulated.endpoint, &file]);
}

#[test]
fn the_library_of_adaptive_cards_understands_notices() {
    let words = OwnWords::default();
    let cards = notices()
        .into_iter()
        .map(|n| teams::message(&n, &words, true));
    let file = written("cards.json", &Value::from(cards.collect::<Vec<Value>>()));
    let node = Node::with("cards", "tests/cards").unwrap_or_else(|why| panic!("{why}"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cards/check.cjs");
    let mut command = std::process::Command::new("node");
    let output = command
        .args([script, &file])
        .env("NODE_PATH", &node.modules)
        .output();
    let output = output.expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
}
