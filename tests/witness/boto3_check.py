"""boto3 against the simulated account: `boto3_check.py ENDPOINT`, with the fleet of fleet.toml."""

import sys

import autoscaling_checks as autoscaling
import ec2_checks as ec2
import events_checks as events
import ssm_sns_checks as ssm_sns
import windows_checks as windows
from witness import Account, run

# In this order: the first wake the group that the later ones work with, the last puts it to sleep.
CHECKS = [
    autoscaling.groups_are_found_by_tag,
    autoscaling.groups_are_found_by_name,
    autoscaling.groups_come_in_pages,
    autoscaling.instances_may_be_left_out,
    autoscaling.a_mixed_instances_policy_is_shown_in_full,
    autoscaling.capacity_obeys_its_bounds,
    autoscaling.processes_are_suspended_and_resumed,
    autoscaling.every_group_has_what_aws_shows_of_every_group,
    autoscaling.a_group_may_name_no_version,
    autoscaling.overrides_may_ask_for_attributes,
    autoscaling.scheduled_actions_are_listed,
    autoscaling.schedules_and_hooks_are_put,
    autoscaling.the_rest_of_a_group_is_shown,
    autoscaling.pools_targets_and_limits_are_shown,
    autoscaling.a_group_is_made_and_deleted,
    autoscaling.a_group_wakes_and_its_activities_tell,
    autoscaling.activities_come_in_pages,
    autoscaling.an_instance_is_protected,
    autoscaling.an_instance_steps_aside_and_comes_back,
    ec2.instances_are_found_and_filtered,
    ec2.resources_are_tagged,
    ec2.an_image_is_made_once,
    ec2.an_image_is_removed,
    ec2.a_template_version_inherits,
    ec2.the_default_version_moves,
    ec2.a_template_is_made_and_deleted,
    ec2.an_instance_lives_outside_of_groups,
    ssm_sns.commands_run_and_are_read_back,
    ssm_sns.commands_are_refused,
    ssm_sns.a_command_is_cancelled,
    ssm_sns.runbooks_run_and_are_stopped,
    ssm_sns.nodes_come_in_pages,
    ssm_sns.parameters_are_created_once,
    ssm_sns.parameters_are_described_and_tagged,
    ssm_sns.topics_are_made_and_deleted,
    ssm_sns.messages_are_published,
    windows.schedules_are_made_and_read_back,
    windows.maintenance_windows_are_made_and_read_back,
    events.events_are_put_and_refused,
    events.a_parameter_holds_an_image,
    autoscaling.a_refresh_keeps_others_out,
    autoscaling.a_group_goes_to_sleep,
]

if __name__ == "__main__":
    sys.exit(run(Account(sys.argv[1]), CHECKS))
