//! Secrets in Parameter Store: SecureStrings, read when they are needed and never kept.

use super::Clients;
use super::faults::{fault, missing};
use crate::group::fault::{Fault, FaultClass};
use crate::group::names::SECRET_PREFIX;
use crate::secret::Secret;

const OPERATION: &str = "ssm:GetParameters";

/// Reads and decrypts a secret. Only names below [`SECRET_PREFIX`] are ever asked for, and only SecureStrings are believed: one that
/// lies open is not secret any more.
///
/// # Errors
/// Another name, no such parameter, one of another type, or a call that failed. The value is in none of them.
pub async fn read_secret(clients: &Clients, name: &str) -> Result<Secret, Fault> {
    let refused = |class: FaultClass, code: &str, message: String| Fault {
        operation: OPERATION.into(),
        code: code.into(),
        message,
        class,
    };
    if !name.starts_with(SECRET_PREFIX) {
        let message =
            format!("expected the name of a parameter below {SECRET_PREFIX}, found another");
        return Err(refused(FaultClass::Refused, "NotASecret", message));
    }
    clients.turn(OPERATION).await;
    let answer = clients
        .ssm
        .get_parameters()
        .names(name)
        .with_decryption(true)
        .send()
        .await;
    let answer = answer.map_err(|e| fault(OPERATION, &e))?;
    if answer.invalid_parameters().iter().any(|n| n == name) {
        let message = format!(
            "expected the SecureString parameter {name}, found none. Make it with: aws ssm put-parameter --type SecureString --name {name} \
             --value file://FILE"
        );
        return Err(refused(FaultClass::Gone, "ParameterNotFound", message));
    }
    let parameter = answer
        .parameters()
        .first()
        .ok_or_else(|| missing(OPERATION, name))?;
    match parameter.r#type().map(|t| t.as_str()) {
        Some("SecureString") => {}
        other => {
            let message = format!(
                "{name}: expected the type SecureString, found {}",
                other.unwrap_or("none")
            );
            return Err(refused(FaultClass::Refused, "NotASecureString", message));
        }
    }
    let value = parameter.value().filter(|v| !v.trim().is_empty());
    value
        .map(Secret::new)
        .ok_or_else(|| missing(OPERATION, "Value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Aws;
    use crate::sim::{fleet, sdk};

    #[tokio::test(start_paused = true)]
    async fn only_secure_strings_below_the_prefix_are_read() {
        let account = fleet::parse(fleet::SAMPLE).unwrap().account(1);
        let aws = Aws::new(
            account.clock().clone(),
            sdk::sdk_config(&account, "secrets"),
        );
        let ssm = &aws.clients.ssm;
        for (name, kind) in [
            ("/asg-patch/secrets/a", "SecureString"),
            ("/asg-patch/secrets/open", "String"),
            ("/other", "SecureString"),
        ] {
            let put = ssm
                .put_parameter()
                .name(name)
                .value(" xoxb-1 \n")
                .r#type(kind.into());
            put.send().await.unwrap();
        }
        let read = async |name: &str| read_secret(&aws.clients, name).await;
        assert_eq!(
            read("/asg-patch/secrets/a").await.unwrap().expose(),
            "xoxb-1"
        );
        let codes = ["/asg-patch/secrets/open", "/other", "/asg-patch/secrets/b"].map(read);
        let mut found = Vec::new();
        for code in codes {
            let fault = code.await.unwrap_err();
            assert!(!format!("{fault:?}").contains("xoxb"), "{fault:?}");
            found.push(fault.code);
        }
        assert_eq!(
            found,
            ["NotASecureString", "NotASecret", "ParameterNotFound"]
        );
        // Without asking for it, nobody gets it in the clear.
        let sealed = ssm
            .get_parameter()
            .name("/asg-patch/secrets/a")
            .send()
            .await
            .unwrap();
        let sealed = sealed.parameter().unwrap().value().unwrap().to_owned();
        assert!(
            sealed.starts_with("AQIC") && !sealed.contains("xoxb"),
            "{sealed}"
        );
    }
}
