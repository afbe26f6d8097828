use std::collections::BTreeSet;

use expect_test::expect_file;

use super::*;

#[test]
fn names_are_lower_case_and_unique() {
    let ids: Vec<&str> = table().map(|r| r.id).collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    for row in table() {
        let variants = row.variants.iter().map(|(name, _)| *name);
        for name in variants.chain([row.id]) {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(plain), "{name}");
        }
        match row.source {
            Source::Said(_) => assert_ne!(row.variants.len(), 1, "{}", row.id),
            Source::Unconfirmed | Source::Open(_) => assert!(row.variants.len() > 1, "{}", row.id),
        }
    }
}

#[test]
fn every_variant_can_be_named_and_is_drawn() {
    let default = Beliefs::default().chosen();
    let mut drawn = BTreeSet::new();
    for seed in 0..200 {
        assert_eq!(Beliefs::drawn(seed), Beliefs::drawn(seed));
        drawn.extend(Beliefs::drawn(seed).chosen());
    }
    for (row, (id, first)) in OPEN.iter().zip(default) {
        assert_eq!((row.id, row.variants[0].0), (id, first));
        for (name, _) in row.variants {
            let mut beliefs = Beliefs::default();
            beliefs.choose(id, name).unwrap();
            assert!(beliefs.chosen().contains(&(id, *name)));
            assert!(drawn.contains(&(id, *name)), "{id} = {name} is never drawn");
        }
    }
    for (id, flip) in Flip::ALL {
        let mut beliefs = Beliefs::default();
        beliefs.choose(id, "contrary").unwrap();
        assert!(beliefs.denies(*flip) && beliefs.chosen().contains(&(id, "contrary")));
        beliefs.choose(id, "holds").unwrap();
        assert_eq!(beliefs, Beliefs::default());
        assert!(!drawn.contains(&(id, "contrary")));
    }
    let mut beliefs = Beliefs::default();
    let unknown = beliefs.choose("min-version", "sometimes").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "expected one of inclusive, exclusive, found 'sometimes'"
    );
    assert!(beliefs.choose("the-moon", "full").is_err());
}

#[test]
fn the_page_is_made_of_the_table() {
    expect_file!["../../../docs/beliefs.md"].assert_eq(&page());
}
