//! Patience before anything is touched: a fault that time helps against costs time, not the run.

use tokio::sync::watch::Receiver;

use super::Stop;
use crate::clock::Clock;
use crate::group::fault::{Fault, FaultClass};
use crate::group::limits;

/// Asks again while the answer is a fault that passes, until a time limit or the operator ends it.
///
/// # Errors
/// The last fault: one that time does not help against, or one that did not pass in time.
///
/// A missing permission is reported at once: nothing is at stake yet, and the operator may be waiting.
pub(super) async fn patiently<T>(
    clock: &Clock,
    stop: &Receiver<Stop>,
    ask: impl AsyncFn() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let give_up_at = clock.now() + limits::PLAN_FAULT_LIMIT;
    let mut stop = stop.clone();
    let mut pause = limits::FAULT_PAUSE;
    loop {
        let fault = match ask().await {
            Err(fault) if passes(&fault) => fault,
            answer => return answer,
        };
        if clock.now() >= give_up_at || *stop.borrow() != Stop::Continue {
            return Err(fault);
        }
        tracing::warn!(
            operation = fault.operation,
            code = fault.code,
            message = fault.message,
            "no answer, asking again in {} s",
            pause.num_seconds()
        );
        tokio::select! {
            () = clock.wait_until(clock.now() + pause) => {}
            _ = stop.wait_for(|s| *s != Stop::Continue) => return Err(fault),
        }
        pause = (pause * 2).min(limits::FAULT_PAUSE_MAX / 2);
    }
}

/// Whether time helps against a fault.
pub(super) fn passes(fault: &Fault) -> bool {
    match fault.class {
        // That no connection can be made is a wrong address or a missing network more often than not:
        // the SDK has tried it several times.
        FaultClass::Unreachable => fault.code != "DispatchFailure",
        FaultClass::Throttled
        | FaultClass::Contention
        | FaultClass::Exhausted
        | FaultClass::Expired => true,
        FaultClass::NotYet
        | FaultClass::Exists
        | FaultClass::Gone
        | FaultClass::Denied
        | FaultClass::Refused => false,
    }
}
