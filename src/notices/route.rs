//! Which channels a notice goes to, and with which ids.

use super::config::{ChannelTable, RouteTable};
use super::kind::ChannelKind;
use super::notice::Notice;

/// A channel that a notice goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'c> {
    /// The channel.
    pub channel: &'c ChannelTable,
    /// The ids there that the notice is about.
    pub ids: TargetIds,
}

/// Ids on a service that a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetIds {
    /// The channel knows none.
    Plain,
    /// Components of a page.
    Components(Vec<String>),
    /// Uptime checks.
    Checks(Vec<u64>),
    /// Services.
    Services(Vec<String>),
}

/// The channels that the first fitting route names and that have something to do, those that silence monitoring first; none
/// without a route, or where it says `NONE`.
pub fn targets<'c>(
    notice: &Notice,
    channels: &'c [ChannelTable],
    routes: &[RouteTable],
) -> Vec<Target<'c>> {
    let fits = |r: &&RouteTable| r.fits(&notice.application, &notice.environment, notice.event);
    let Some(route) = routes.iter().find(fits) else {
        return Vec::new();
    };
    let named = channels
        .iter()
        .filter(|c| route.channels.list().contains(&c.name));
    let concerned = named.filter(|c| notice.event.concerns_the_window() || !c.kind.shows_windows());
    let mut targets: Vec<Target<'c>> = concerned
        .filter_map(|channel| {
            Some(Target {
                channel,
                ids: ids(route, channel.kind)?,
            })
        })
        .collect();
    targets.sort_by_key(|t| !t.channel.kind.shows_windows());
    targets
}

/// None: it is silent there.
fn ids(route: &RouteTable, kind: ChannelKind) -> Option<TargetIds> {
    let ids = match kind {
        ChannelKind::SlackBot
        | ChannelKind::SlackWebhook
        | ChannelKind::Teams
        | ChannelKind::Webhook
        | ChannelKind::EventBus => {
            return Some(TargetIds::Plain);
        }
        ChannelKind::Statuspage => {
            TargetIds::Components(route.statuspage_components.list().to_vec())
        }
        ChannelKind::Pingdom => TargetIds::Checks(route.pingdom_checks.list().to_vec()),
        ChannelKind::Pagerduty => TargetIds::Services(route.pagerduty_services.list().to_vec()),
    };
    (!ids.is_empty()).then_some(ids)
}

impl TargetIds {
    fn is_empty(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Components(ids) | Self::Services(ids) => ids.is_empty(),
            Self::Checks(ids) => ids.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::notices::{NoticeEvent, sample};

    #[derive(Deserialize)]
    struct File {
        channel: Vec<ChannelTable>,
        route: Vec<RouteTable>,
    }

    const FILE: &str = r#"
        [[channel]]
        name = "ops"
        kind = "slack-webhook"
        secret = "/asg-patch/secrets/a"
        [[channel]]
        name = "checks"
        kind = "pingdom"
        secret = "/asg-patch/secrets/b"
        [[route]]
        application = "shop"
        environment = "Test"
        channels = "NONE"
        [[route]]
        application = "shop"
        events = ["begun"]
        channels = ["checks", "ops"]
        pingdom-checks = [7, 8]
        [[route]]
        application = "blog"
        channels = ["checks", "ops"]
        pingdom-checks = "NONE"
    "#;

    #[test]
    fn the_first_route_that_fits_decides() {
        let file: File = toml::from_str(FILE).unwrap();
        let of = |application: &str, environment: &str, event| {
            let mut notice = sample(event);
            notice.application = application.into();
            notice.environment = environment.into();
            let found = targets(&notice, &file.channel, &file.route);
            found
                .into_iter()
                .map(|t| (t.channel.name.clone(), t.ids))
                .collect::<Vec<_>>()
        };
        let both = [
            ("checks".to_owned(), TargetIds::Checks(vec![7, 8])),
            ("ops".to_owned(), TargetIds::Plain),
        ];
        assert_eq!(of("shop", "Production", NoticeEvent::Begun), both);
        assert_eq!(of("shop", "Test", NoticeEvent::Begun), []);
        assert_eq!(of("shop", "Production", NoticeEvent::Ended), []);
        assert_eq!(of("blog", "Test", NoticeEvent::Ended), both[1..]);
        assert_eq!(of("unknown", "Test", NoticeEvent::Ended), []);
    }
}
