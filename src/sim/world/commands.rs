//! What commands do to instances.

use super::World;

/// An instance entered `running`.
pub fn on_instance_running(_world: &mut World, _id: &str) {}

/// An instance left `running` for good or for now.
pub fn on_instance_gone(_world: &mut World, _id: &str) {}

/// The guest reboots, as if from the inside.
pub fn reboot_guest(_world: &mut World, _id: &str) {}
