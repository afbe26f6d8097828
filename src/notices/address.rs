//! The addresses that requests may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::kind::ChannelKind;

/// An address that a channel may not have. It never holds the address, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct AddressError {
    /// Addresses that are taken.
    pub expected: String,
    /// This one, without its secret parts.
    pub found: String,
}

/// The hosts of each kind of channel where the configuration names none. `*.` stands for one name or more.
///
/// Teams: hosts of Workflows as seen in 2025 and 2026 (argoproj/notifications-engine, docs/services/teams-workflows.md).
pub fn default_hosts(kind: ChannelKind) -> &'static [&'static str] {
    match kind {
        ChannelKind::SlackBot => &["slack.com"],
        ChannelKind::SlackWebhook => &["hooks.slack.com"],
        ChannelKind::Teams => &[
            "*.logic.azure.com",
            "*.api.powerplatform.com",
            "*.api.powerautomate.com",
            "*.flow.microsoft.com",
        ],
        ChannelKind::Statuspage => &["api.statuspage.io"],
        ChannelKind::Pingdom => &["api.pingdom.com"],
        ChannelKind::Pagerduty => &["api.pagerduty.com", "api.eu.pagerduty.com"],
        ChannelKind::Webhook | ChannelKind::EventBus => &[],
    }
}

/// Old connectors of Office 365, which Microsoft has switched off.
const OLD_CONNECTORS: [&str; 3] = [
    "outlook.office.com",
    "outlook.office365.com",
    ".webhook.office.com",
];

/// Checks an address before anything is sent to it: HTTPS, its usual port unless the host is named with another, no user
/// in it, and a host that is allowed and outside.
///
/// # Errors
/// It is none of these.
pub fn check_address(address: &str, allowed: &[String]) -> Result<(), AddressError> {
    let wrong = |expected: String, found: String| Err(AddressError { expected, found });
    let Some(rest) = address.strip_prefix("https://") else {
        return wrong(
            "an address that begins with https://".into(),
            "another".into(),
        );
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') || authority.contains('\\') || authority.is_empty() {
        return wrong(
            "https://HOST/...".into(),
            "no plain host after https://".into(),
        );
    }
    let host = authority.to_ascii_lowercase();
    let bare = host.strip_suffix(":443").unwrap_or(&host);
    if OLD_CONNECTORS.iter().any(|old| bare.ends_with(old)) {
        let found = "that of an Office 365 connector, which Microsoft has retired".into();
        return wrong("the address of a workflow (Teams: Workflows, \"When a Teams webhook request is received\")".into(), found);
    }
    if is_inside(bare) {
        return wrong(
            "a host outside".into(),
            format!("'{bare}', which is this machine, its metadata or its network"),
        );
    }
    if allowed.iter().any(|pattern| fits(bare, pattern)) {
        return Ok(());
    }
    wrong(
        format!("a host among {}", allowed.join(", ")),
        format!("'{bare}'"),
    )
}

fn fits(host: &str, pattern: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix("*.") {
        Some(domain) => host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => host == pattern,
    }
}

/// Whether a host or address is this machine, the metadata of its cloud, or its own link.
pub fn is_inside(host: &str) -> bool {
    let name = if host.starts_with('[') {
        host.split(']')
            .next()
            .unwrap_or_default()
            .trim_start_matches('[')
    } else {
        host.split(':').next().unwrap_or_default()
    };
    let name = name.trim_end_matches('.');
    if let Ok(ip) = name.parse::<IpAddr>() {
        return is_inside_address(ip);
    }
    // A name without a dot, or all in digits, is resolved within the own network, or is an address in disguise.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
    let is_own = ["localhost", "internal", "local"].contains(&last);
    !name.contains('.') || is_number || is_own
}

fn is_inside_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_inside_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_inside_v4(ip),
            None => is_inside_v6(ip),
        },
    }
}

fn is_inside_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
}

fn is_inside_v6(ip: Ipv6Addr) -> bool {
    // fd00:ec2::/32 is EC2's own: metadata and its resolver.
    let is_ec2 = ip.segments()[..2] == [0xfd00, 0x0ec2];
    let is_link_local = ip.segments()[0] & 0xffc0 == 0xfe80;
    ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || is_link_local || is_ec2
}

/// Whether a text is the name or the ARN of an event bus. Source: EventBridge API Reference, `PutEventsRequestEntry`, pattern of `EventBusName`.
pub(super) fn is_event_bus(bus: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "/.-_".contains(c);
    let is_name = |name: &str| (1..=256).contains(&name.len()) && name.chars().all(legal);
    match bus.strip_prefix("arn:") {
        None => is_name(bus),
        Some(rest) => match rest.splitn(5, ':').collect::<Vec<_>>().as_slice() {
            [partition, "events", region, account, resource] => {
                let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
                let name = resource.strip_prefix("event-bus/").unwrap_or_default();
                is_name(partition) && is_name(region) && is_account && is_name(name)
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, allowed: &[&str]) -> String {
        let allowed: Vec<String> = allowed.iter().map(|h| (*h).to_owned()).collect();
        match check_address(address, &allowed) {
            Ok(()) => "taken".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_allowed_hosts_over_https() {
        let teams = default_hosts(ChannelKind::Teams);
        let good = "https://prod-1.westeurope.logic.azure.com:443/workflows/a%2Fb?sig=x%3D";
        assert_eq!(refused(good, teams), "taken");
        assert_eq!(
            refused("https://HOOKS.slack.com/services/a", &["hooks.slack.com"]),
            "taken"
        );
        for wrong in [
            "http://hooks.slack.com/services/a",
            "https://hooks.slack.com.example.org/services/a",
            "https://example.org/hooks.slack.com",
            "https://hooks.slack.com@example.org/",
            "https://hooks.slack.com:8443/services/a",
            "https://xhooks.slack.com/",
            "https:///services",
            "",
        ] {
            assert_ne!(refused(wrong, &["hooks.slack.com"]), "taken", "{wrong}");
        }
        assert_ne!(refused("https://logic.azure.com/x", teams), "taken");
    }

    #[test]
    fn old_connectors_of_teams_are_refused_with_what_to_do() {
        let said = refused(
            "https://contoso.webhook.office.com/webhookb2/x",
            &["*.webhook.office.com"],
        );
        assert!(
            said.contains("Workflows") && said.contains("retired"),
            "{said}"
        );
    }

    /// Even where the configuration allows them.
    #[test]
    fn nothing_inside_is_ever_asked() {
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "127.0.0.1",
            "127.1",
            "localhost",
            "x.localhost",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",
            "[::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "metadata.google.internal",
            "ip-10-0-0-1.ec2.internal",
            "printer.local",
            "intranet",
            "localhost.",
            "127.0.0.1:8443",
        ] {
            let said = refused(&format!("https://{host}/x"), &[host]);
            assert!(said.contains("outside"), "{host}: {said}");
        }
        for host in ["10.0.0.7", "chat.example.org", "[2001:db8::1]"] {
            assert_eq!(
                refused(&format!("https://{host}/x"), &[host]),
                "taken",
                "{host}"
            );
        }
    }
}
