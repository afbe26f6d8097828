//! Names of groups for a shell, asked of AWS. Where it does not answer soon, none is offered and nothing is said: a
//! prompt is no place for an error.

use std::time::Duration;

use asg_patch::aws::{Aws, find_groups, list_records};
use asg_patch::clock::Clock;
use asg_patch::group::names::group_of_parameter;
use asg_patch::group::seen::RecordSeen;
use asg_patch::ids::GroupName;
use asg_patch::request::OptInTag;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::Cli;
use super::complete::Groups;
use super::connect::connect;
use super::options::AwsOptions;
use super::settings::{Settings, Wanted};

/// The longest that a person waits at a prompt; credentials and one page of groups take less than a second.
const PATIENCE: Duration = Duration::from_secs(3);

/// The names in the account that the words name; none without an answer in time.
pub(super) fn names(words: &[String], groups: Groups) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let answer = runtime.block_on(async {
        let (options, tag) = account(words)?;
        let question = async {
            let aws = connect(&options).await.ok()?;
            match groups {
                Groups::OptedIn => opted_in(&aws, &tag).await,
                Groups::Recorded => recorded(&aws).await,
            }
        };
        let clock = Clock::system();
        tokio::select! {
            answer = question => answer,
            () = clock.wait(PATIENCE) => None,
        }
    });
    // A name may still be looked up in the network: nothing waits for that.
    runtime.shutdown_background();
    let names = answer.unwrap_or_default().into_iter();
    names.map(String::from).collect()
}

async fn opted_in(aws: &Aws, tag: &OptInTag) -> Option<Vec<GroupName>> {
    let groups = find_groups(&aws.clients).await.ok()?.into_values();
    let opted_in = groups.filter(|g| tag.is_on(&g.tags));
    Some(opted_in.map(|g| g.name).collect())
}

async fn recorded(aws: &Aws) -> Option<Vec<GroupName>> {
    let records = list_records(&aws.clients).await.ok()?.into_iter();
    let name = |(parameter, seen): (String, RecordSeen)| match seen {
        RecordSeen::Readable(stored) => Some(stored.record.group),
        RecordSeen::Unreadable { .. } => group_of_parameter(&parameter),
    };
    Some(records.filter_map(name).collect())
}

/// The account and the opt-in tag that the words and the settings name, as far as they have been typed. Settings that
/// are wrong count for nothing.
fn account(words: &[String]) -> Option<(AwsOptions, OptInTag)> {
    let wanted = Wanted::of(Cli::command(), words);
    let settings = Settings::read(&Cli::command(), &wanted).unwrap_or_default();
    let typed = settings.apply(Cli::command()).ignore_errors(true);
    let matches = typed.try_get_matches_from(words).ok()?;
    let (_, subcommand): (&str, &ArgMatches) = matches.subcommand()?;
    let options = AwsOptions::from_arg_matches(subcommand).ok()?;
    let tag = subcommand.try_get_one::<OptInTag>("tag").ok().flatten();
    Some((options, tag.cloned().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn the_account_is_known_from_half_a_command_line() {
        let line =
            "asg-patch run --region eu-west-1 --endpoint-url http://127.0.0.1:1 --tag a=b --group";
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (options, tag) = account(&words).unwrap();
        assert_eq!(options.region.as_deref(), Some("eu-west-1"));
        assert_eq!(options.endpoint_url.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(tag.to_string(), "a=b");
        let words = ["asg-patch", "restore", "--gro"].map(str::to_owned);
        assert_eq!(account(&words).unwrap().1.to_string(), "ep:asg:patch=true");
        assert!(account(&["asg-patch".to_owned()]).is_none());
    }
}
