//! Things that others put where a run looks for its own: they are never taken for the run's.

use asg_patch::group::{Code, Outcome};
use asg_patch::sim::Account;
use asg_patch::sim::world::images::Image;

use crate::common::{Ran, Scenario, end};

const RUN_TAG: &str = "asg-patch:run";

/// The image that a run of this scenario makes.
fn image_of(ran: &Ran) -> Image {
    ran.account.with_world(|world| {
        let mut baked = world.images.values().filter(|i| i.is_baked());
        baked.next().expect("the run makes an image").clone()
    })
}

/// An image with the name and the tags of the run's, made by someone else of another instance.
fn plant(account: &Account, like: &Image, source: Option<&str>) {
    account.with_world(|world| {
        let own = world
            .images
            .values()
            .find(|i| i.own)
            .expect("an image")
            .clone();
        let image = Image {
            id: "ami-0badbadbadbadbad0".into(),
            name: like.name.clone(),
            tags: like.tags.clone(),
            source_instance: source.map(str::to_owned),
            created_at: world.now,
            ..own
        };
        assert!(image.tags.contains_key(RUN_TAG));
        world.put_image(image);
    });
}

#[test]
fn an_image_with_our_name_and_our_tags_is_not_promoted() {
    let scenario = Scenario::load("sleeping-latest");
    let ours = image_of(&scenario.run());
    for source in [None, Some("i-0badbadbadbadbad0")] {
        let ran = scenario.run_with(|account| plant(account, &ours, source));
        let group = &ran.report.groups[0];
        assert_eq!(group.outcome, Outcome::RolledBack, "{group:?}");
        assert_eq!(group.code, Some(Code::ImageFailed), "{group:?}");
        assert!(
            group.reason.contains("which this run did not make"),
            "{group:?}"
        );
        assert_eq!(group.version_after, group.version_before);
        assert!(end::open_groups(&ran.account).is_empty());
    }
}
