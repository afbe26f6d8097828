//! Ctrl-C: the first one restores, the second one stops.

use asg_patch::run::Stop;
use tokio::sync::watch;

use super::output::Output;

/// Runs `work` and listens for Ctrl-C: the first one asks it to restore, the second one to stop now.
pub(crate) async fn heeding<T>(
    output: &Output,
    work: impl AsyncFnOnce(watch::Receiver<Stop>) -> T,
) -> T {
    let (asked, stop) = watch::channel(Stop::Continue);
    let work = work(stop);
    tokio::select! {
        result = work => result,
        never = listen(output, &asked) => match never {},
    }
}

async fn listen(output: &Output, asked: &watch::Sender<Stop>) -> std::convert::Infallible {
    interrupted().await;
    output.notice(
        "Stopping: no more groups are started, those in flight are restored. \
         Ctrl-C again stops at once and leaves their records.",
    );
    asked.send_replace(Stop::Restore);
    interrupted().await;
    output.notice("Stopping now; the records remain.");
    asked.send_replace(Stop::Now);
    std::future::pending().await
}

/// Waits for the next Ctrl-C or, on Unix, SIGTERM or SIGHUP.
pub(crate) async fn interrupted() {
    let ctrl_c = async {
        // Without a handler the system ends the process itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::SignalKind;
    if hangups_are_ignored() {
        return received(SignalKind::terminate()).await;
    }
    tokio::select! {
        () = received(SignalKind::terminate()) => {}
        () = received(SignalKind::hangup()) => {}
    }
}

#[cfg(unix)]
async fn received(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Whether the process was started to outlive its terminal, as by `nohup`: then a hang-up stops nothing. Only Linux
/// says so, in `/proc`; elsewhere a hang-up counts.
#[cfg(unix)]
fn hangups_are_ignored() -> bool {
    use std::sync::OnceLock;
    // Asked before the first handler is installed, which would be seen here in the place of what was inherited.
    static IGNORED: OnceLock<bool> = OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        is_first_signal_ignored(&status)
    })
}

/// Whether the mask of ignored signals in a `/proc/PID/status` holds signal 1, which is SIGHUP.
#[cfg(unix)]
fn is_first_signal_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
