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

/// Waits for the next Ctrl-C or, on Unix, SIGTERM.
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
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
