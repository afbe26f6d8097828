//! Names of hosts to addresses, of which none is inside.

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use crate::notices::is_inside;

/// The port does not matter: only addresses are asked for.
const ANY_PORT: u16 = 443;

/// The machine's resolver, less all addresses inside: a name outside may be made to lead to the machine's metadata.
#[derive(Clone, Debug)]
pub(super) struct OutsideOnly;

impl ResolveDns for OutsideOnly {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, ANY_PORT))
                .await
                .map_err(ResolveDnsError::new)?;
            let outside: Vec<std::net::IpAddr> =
                found.map(|a| a.ip()).filter(|ip| !inside(*ip)).collect();
            match outside.is_empty() {
                true => Err(ResolveDnsError::new("the name leads to no address outside")),
                false => Ok(outside),
            }
        })
    }
}

fn inside(ip: std::net::IpAddr) -> bool {
    is_inside(&match ip {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        assert!(OutsideOnly.resolve_dns("localhost").await.is_err());
    }
}
