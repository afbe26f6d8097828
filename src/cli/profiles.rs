//! The profiles of the AWS configuration files, as far as messages and completion need them: names, and whether a
//! profile takes its credentials from IAM Identity Center. The SDK reads the rest.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The profiles of both files: for each name, whether it logs in with IAM Identity Center.
pub(super) fn profiles() -> BTreeMap<String, bool> {
    let read = |variable: &str, file: &str| {
        let named = std::env::var_os(variable).map(PathBuf::from);
        let path = named.or_else(|| Some(std::env::home_dir()?.join(".aws").join(file)));
        path.and_then(|path| std::fs::read_to_string(path).ok())
            .unwrap_or_default()
    };
    let mut found = sections(&read("AWS_CONFIG_FILE", "config"), "profile ");
    for (name, is_sso) in sections(&read("AWS_SHARED_CREDENTIALS_FILE", "credentials"), "") {
        *found.entry(name).or_default() |= is_sso;
    }
    found
}

/// The profile that is meant: by flag, by environment, or the one called default.
pub(super) fn chosen(flag: Option<&str>) -> String {
    let by_environment = || std::env::var("AWS_PROFILE").ok().filter(|p| !p.is_empty());
    let chosen = flag.map(str::to_owned).or_else(by_environment);
    chosen.unwrap_or_else(|| "default".into())
}

/// The profiles of one file, whose headers begin with `kind`; only `default` goes without.
fn sections(text: &str, kind: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    let mut present: Option<String> = None;
    for line in text.lines() {
        if let Some(header) = line
            .trim()
            .strip_prefix('[')
            .and_then(|l| l.split(']').next())
        {
            let name = match header.trim() {
                "default" => Some("default"),
                other => other.strip_prefix(kind),
            };
            present = name.map(|n| n.trim().to_owned());
            if let Some(name) = &present {
                found.entry(name.clone()).or_default();
            }
        } else if let (true, Some(name)) = (line.starts_with("sso_"), &present) {
            found.insert(name.clone(), true);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::sections;

    #[test]
    fn profiles_are_told_from_other_sections() {
        let text = "[default]\nregion = eu-west-1\n[profile corp]\nsso_session = main\n  sso_x = nested\n\
                    [sso-session main]\nsso_region = eu-west-1\n[profile build]\nrole_arn = x\n";
        let found = sections(text, "profile ").into_iter().collect::<Vec<_>>();
        let expected = [("build", false), ("corp", true), ("default", false)];
        assert_eq!(found, expected.map(|(name, sso)| (name.to_owned(), sso)));
        let found = sections("[default]\n[prod]\naws_access_key_id = x\n", "");
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["default", "prod"]);
    }
}
