//! Many resources in one account: lookups find what walks find, and no log of calls need be kept.

use aws_sdk_ec2::types as ec2;

use super::{Sim, sleeper};
use crate::sim::world::Image;
use crate::sim::world::guest::Guest;

fn filter(name: &str, value: &str) -> ec2::Filter {
    ec2::Filter::builder().name(name).values(value).build()
}

async fn images(sim: &Sim, name: &str, value: &str) -> Vec<String> {
    let call = sim.ec2.describe_images().filters(filter(name, value));
    let found = call.send().await.unwrap();
    let ids = found.images().iter().filter_map(|i| i.image_id());
    ids.map(str::to_owned).collect()
}

async fn instances(sim: &Sim, value: &str) -> Vec<String> {
    let call = sim.ec2.describe_instances();
    let found = call.filters(filter("instance-id", value)).send().await;
    let found = found.unwrap();
    let all = found.reservations().iter().flat_map(|r| r.instances());
    all.filter_map(|i| i.instance_id().map(str::to_owned))
        .collect()
}

/// The same text as a pattern, which nothing can look up.
fn pattern(text: &str) -> String {
    let mut pattern = text.to_owned();
    pattern.pop();
    pattern + "?"
}

#[tokio::test(start_paused = true)]
async fn a_lookup_finds_what_a_pattern_finds() {
    let sim = Sim::new(vec![sleeper("web", "1")]);
    let instance = sim.wake("web").await;
    let removed = sim.create_image(&instance, "web-1").await;
    let call = sim.ec2.deregister_image().image_id(&removed);
    call.send().await.unwrap();
    sim.wait(120).await;
    let kept = sim.create_image(&instance, "web-1").await;
    sim.account.with_world(|world| {
        let mut of_another = Image::new("ami-2", "web-1", Guest::default());
        of_another.own = false;
        world.put_image(of_another);
    });
    assert_eq!(
        images(&sim, "name", "web-1").await,
        [kept.as_str(), "ami-2"]
    );
    assert_eq!(instances(&sim, &instance).await, [instance.as_str()]);
    let rows = [
        ("name", "web-1"),
        ("name", "none"),
        ("image-id", &kept),
        ("image-id", &removed),
    ];
    for (name, value) in rows {
        let by_pattern = images(&sim, name, &pattern(value)).await;
        assert_eq!(
            images(&sim, name, value).await,
            by_pattern,
            "{name} {value}"
        );
    }
    assert_eq!(instances(&sim, &pattern(&instance)).await, [instance]);
}

#[tokio::test(start_paused = true)]
async fn without_a_log_calls_are_still_counted() {
    let mut sim = Sim::new(vec![sleeper("web", "1"), sleeper("idle", "1")]);
    sim.account = sim.account.without_log();
    sim.set_capacity("web", 0, 1, 0).await;
    sim.group("idle").await;
    let calls = sim.account.calls();
    assert!(calls.log.is_empty());
    assert_eq!(calls.counts["autoscaling:DescribeAutoScalingGroups"], 1);
    assert_eq!(
        calls.changed_groups.into_iter().collect::<Vec<_>>(),
        ["web"]
    );
}
