"""Starts the emulator, ministack, with what it lacks. This is the only place where it is changed.

    python emulator_patches.py

It is configured by its environment, as `python -m ministack` is. Each patch says what AWS does and the emulator does
not; what it gets wrong besides, and nothing here relies on, is listed in deployed_check.py.
"""

import json

from ministack import app
from ministack.app import main
from ministack.services import eventbridge, scheduler, stepfunctions


def schedules_are_punctual():
    """It looks for due schedules every 10 s. AWS is as late as a minute, but nobody waits for that here."""
    if not isinstance(scheduler._SCHEDULE_TICK_INTERVAL, int):
        raise TypeError("expected the scheduler's seconds between two looks")
    scheduler._SCHEDULE_TICK_INTERVAL = 0.5


def updated_schedules_are_new():
    """It remembers its first look at a schedule and takes an at() that is set later for one that has fired."""
    tick, expressions = scheduler._tick_schedules, {}

    def forgetful():
        for key, schedule in list(scheduler._schedules._data.items()):
            now = schedule["ScheduleExpression"]
            if expressions.setdefault(key, now) != now:
                expressions[key] = now
                scheduler._schedule_last_fired.pop(key, None)
        tick()

    scheduler._tick_schedules = forgetful


def services_send_events():
    """It refuses events of aws.* from outside, as AWS does. But it has no maintenance windows, which send some: the
    check sends these in their stead."""
    put_events = eventbridge._put_events
    eventbridge._put_events = lambda data, allow_aws_source=True: put_events(data, allow_aws_source=True)


def children_stop_with_their_parent():
    """StopExecution stops the execution only; the children of its Distributed Map go on to their ends, and those that
    wait for their turn begin. AWS stops them all. An invocation under way goes on to its end here as there."""
    execute_task = stepfunctions._execute_task

    def is_stopped(execution):
        run = stepfunctions._map_runs.get(execution.get("mapRunArn", ""))
        parent = stepfunctions._executions.get(run["executionArn"]) if run else None
        return parent is not None and parent["status"] == "ABORTED"

    def unless_stopped(state, given, execution, context):
        if is_stopped(execution):
            raise stepfunctions._ExecutionError("States.Aborted", "stopped with its parent")
        return execute_task(state, given, execution, context)

    stepfunctions._execute_task = unless_stopped


def reports_can_be_stored():
    """It knows no s3:putObject of Step Functions. AWS stores the JSON of the Body: an object as it is, but text in quotes
    (as LocalStack's tests found on AWS: its pull request 12035)."""
    dispatch = stepfunctions._dispatch_aws_sdk_rest_xml

    def with_bodies(service, name, action, given):
        if (name, action) != ("s3", "putObject"):
            return dispatch(service, name, action, given)
        body = json.dumps(given["Body"]).encode()
        headers = {"content-type": given["ContentType"], "content-length": str(len(body))}
        path = f"/{given['Bucket']}/{given['Key']}"
        handler = app.SERVICE_HANDLERS["s3"]
        status, _, answer = app.call_service_handler_sync(handler, "PUT", path, headers, body, {})
        if status >= 400:
            raise stepfunctions._ExecutionError("S3.S3Exception", f"status {status}: {answer!r}")
        return {}

    stepfunctions._dispatch_aws_sdk_rest_xml = with_bodies


if __name__ == "__main__":
    schedules_are_punctual()
    updated_schedules_are_new()
    services_send_events()
    children_stop_with_their_parent()
    reports_can_be_stored()
    main()
