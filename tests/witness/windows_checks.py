"""EventBridge Scheduler and maintenance windows through boto3."""

import json
from datetime import datetime, timezone

from witness import equal, holds, refused

STATE_MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:AsgPatch"
ROLE = "arn:aws:iam::123456789012:role/starter"
SCHEDULED = json.dumps({
    "trigger": "schedule",
    "schedule": "<aws.scheduler.schedule-arn>",
    "scheduled_time": "<aws.scheduler.scheduled-time>",
    "window": "acceptance",
})
IN_WINDOW = json.dumps({
    "trigger": "maintenance-window",
    "window_id": "{{WINDOW_ID}}",
    "window_execution_id": "{{WINDOW_EXECUTION_ID}}",
    "window": "production",
})


def schedules_are_made_and_read_back(account):
    client = account.scheduler
    client.create_schedule_group(Name="patching")
    schedule = {
        "Name": "acceptance",
        "GroupName": "patching",
        "ScheduleExpression": "cron(0 5 ? * SAT *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "StartDate": datetime(2026, 10, 1, tzinfo=timezone.utc),
        "Target": {"Arn": STATE_MACHINE, "RoleArn": ROLE, "Input": SCHEDULED},
    }
    made = client.create_schedule(**schedule)["ScheduleArn"]
    holds(made.endswith(":schedule/patching/acceptance"), made)
    error = refused("ConflictException", client.create_schedule, **schedule)
    holds(isinstance(error, client.exceptions.ConflictException), "botocore knows its class")
    found = client.get_schedule(GroupName="patching", Name="acceptance")
    for key, value in schedule.items():
        equal(found[key], value, key)
    equal((found["State"], found["ActionAfterCompletion"]), ("ENABLED", "NONE"), "what was left out")
    refused("ResourceNotFoundException", client.get_schedule, Name="acceptance")
    refused("ValidationException", client.create_schedule, **{**schedule, "Name": "x", "ScheduleExpression": "cron(0 5 * * SAT *)"})
    refused("ResourceNotFoundException", client.create_schedule, **{**schedule, "GroupName": "nobody"})
    client.update_schedule(**{**schedule, "State": "DISABLED"})
    for n in range(4):
        client.create_schedule(**{**schedule, "Name": f"other-{n}", "GroupName": "default"})
    pages = list(client.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 2}))
    rows = {(s["GroupName"], s["Name"]): s for page in pages for s in page["Schedules"]}
    equal((len(pages), len(rows)), (3, 5), "pages and schedules of all groups")
    equal(rows[("patching", "acceptance")]["State"], "DISABLED", "its state")
    equal(rows[("patching", "acceptance")]["Target"], {"Arn": STATE_MACHINE}, "its target")
    for group, name in rows:
        client.delete_schedule(GroupName=group, Name=name)
    equal(client.list_schedules()["Schedules"], [], "none is left")
    refused("ResourceNotFoundException", client.delete_schedule, Name="acceptance")


def maintenance_windows_are_made_and_read_back(account):
    client = account.ssm
    window = {
        "Name": "AsgPatch-production",
        "Schedule": "cron(0 0 23 ? * THU#3 *)",
        "ScheduleTimezone": "Europe/Berlin",
        "ScheduleOffset": 2,
        "Duration": 6,
        "Cutoff": 2,
        "AllowUnassociatedTargets": True,
    }
    made = client.create_maintenance_window(**window)["WindowId"]
    equal(len(made), 20, "the length of its id")
    refused("ValidationException", client.create_maintenance_window, **{**window, "Cutoff": 6})
    refused("ValidationException", client.create_maintenance_window, **{**window, "Schedule": "rate(7 days)"})
    found = client.get_maintenance_window(WindowId=made)
    for key, value in window.items():
        equal(found[key], value, key)
    next_time = datetime.fromisoformat(found["NextExecutionTime"])
    equal((next_time.weekday(), next_time.hour, next_time.minute), (5, 23, 0), "two days after a Thursday")
    task = {
        "WindowId": made,
        "TaskArn": STATE_MACHINE,
        "TaskType": "STEP_FUNCTIONS",
        "ServiceRoleArn": ROLE,
        "TaskInvocationParameters": {"StepFunctions": {"Input": IN_WINDOW}},
    }
    registered = client.register_task_with_maintenance_window(**task)["WindowTaskId"]
    tasks = client.describe_maintenance_window_tasks(WindowId=made, Filters=[{"Key": "TaskType", "Values": ["STEP_FUNCTIONS"]}])["Tasks"]
    equal([(t["WindowTaskId"], t["TaskArn"], t["Type"]) for t in tasks], [(registered, STATE_MACHINE, "STEP_FUNCTIONS")], "its task")
    whole = client.get_maintenance_window_task(WindowId=made, WindowTaskId=registered)
    equal(whole["TaskInvocationParameters"], task["TaskInvocationParameters"], "the task's input")
    error = refused("DoesNotExistException", client.describe_maintenance_window_tasks, WindowId="mw-00000000000000000")
    holds(isinstance(error, client.exceptions.DoesNotExistException), "botocore knows its class")
    others = [client.create_maintenance_window(**{**window, "Name": f"other-{n}"})["WindowId"] for n in range(11)]
    pages = list(client.get_paginator("describe_maintenance_windows").paginate(PaginationConfig={"PageSize": 10}))
    equal([len(page["WindowIdentities"]) for page in pages], [10, 2], "pages of windows")
    client.update_maintenance_window(WindowId=made, Enabled=False)
    off = client.describe_maintenance_windows(Filters=[{"Key": "Enabled", "Values": ["false"]}])["WindowIdentities"]
    equal([w["WindowId"] for w in off], [made], "the one that is disabled")
    for name in (made, *others):
        client.delete_maintenance_window(WindowId=name)
    equal(client.describe_maintenance_windows()["WindowIdentities"], [], "none is left")
