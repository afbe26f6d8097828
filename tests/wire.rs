//! boto3 and the AWS CLI against the simulated account on loopback, and the AWS CLI as the runbooks call it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's own helpers

mod witness;

use std::sync::mpsc;
use std::thread;

use asg_patch::sim::{fleet, server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use witness::Python;

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
