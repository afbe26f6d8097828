//! A notice to a channel.

use super::channel::{Channel, Service};
use super::exchange::Line;
use super::fault::ChannelFault;
use super::outside::Outside;
use super::pagerduty::OnServices;
use super::pingdom::OnChecks;
use super::receipt::{Done, Receipt};
use super::statuspage::OnPage;
use super::{slack, teams, webhook};
use crate::notices::{Notice, TargetIds, Told};

/// Sends a notice. `told` is its past on this channel, by its mark, and learns the message that was posted.
///
/// # Errors
/// The service did not take it, or it is not known whether it did.
pub async fn send(
    outside: &Outside,
    channel: &Channel,
    ids: &TargetIds,
    notice: &Notice,
    told: &mut Told,
) -> Result<Receipt, ChannelFault> {
    let line = Line {
        outside,
        common: &channel.common,
    };
    if told.is_marked {
        return Ok(line.receipt_saying(Done::ToldBefore, "its mark was there"));
    }
    match &channel.service {
        Service::SlackBot { slack_channel } => {
            slack::by_bot(line, slack_channel, notice, told).await
        }
        Service::SlackWebhook => slack::by_webhook(line, notice).await,
        Service::Teams { is_bare } => teams::by_workflow(line, *is_bare, notice).await,
        Service::Statuspage { page } => on_page(line, page, ids).tell(notice).await,
        Service::Pingdom => on_checks(line, ids).tell(notice).await,
        Service::Pagerduty { from } => on_services(line, from, ids).tell(notice).await,
        Service::Webhook { url, keys } => webhook::signed(line, url, keys, notice).await,
    }
}

/// Sends a test notice. On a service that shows maintenances, it makes one a week ahead and removes it.
///
/// # Errors
/// The service did not take it, or it is not known whether it did.
pub async fn try_out(
    outside: &Outside,
    channel: &Channel,
    ids: &TargetIds,
    notice: &Notice,
) -> Result<Receipt, ChannelFault> {
    let line = Line {
        outside,
        common: &channel.common,
    };
    match &channel.service {
        Service::Statuspage { page } => on_page(line, page, ids).try_out(notice).await,
        Service::Pingdom => on_checks(line, ids).try_out(notice).await,
        Service::Pagerduty { from } => on_services(line, from, ids).try_out(notice).await,
        Service::SlackBot { .. }
        | Service::SlackWebhook
        | Service::Teams { .. }
        | Service::Webhook { .. } => {
            send(outside, channel, ids, notice, &mut Told::default()).await
        }
    }
}

fn on_page<'a>(line: Line<'a>, page: &'a str, ids: &'a TargetIds) -> OnPage<'a> {
    let components: &[String] = match ids {
        TargetIds::Components(ids) => ids,
        TargetIds::Plain | TargetIds::Checks(_) | TargetIds::Services(_) => &[],
    };
    OnPage {
        line,
        page,
        components,
    }
}

fn on_checks<'a>(line: Line<'a>, ids: &'a TargetIds) -> OnChecks<'a> {
    let checks: &[u64] = match ids {
        TargetIds::Checks(ids) => ids,
        TargetIds::Plain | TargetIds::Components(_) | TargetIds::Services(_) => &[],
    };
    OnChecks { line, checks }
}

fn on_services<'a>(line: Line<'a>, from: &'a str, ids: &'a TargetIds) -> OnServices<'a> {
    let services: &[String] = match ids {
        TargetIds::Services(ids) => ids,
        TargetIds::Plain | TargetIds::Components(_) | TargetIds::Checks(_) => &[],
    };
    OnServices {
        line,
        from,
        services,
    }
}
