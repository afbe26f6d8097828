"""The template and the real bootstrap, deployed: every way in, and how it ends.

    python deployed_check.py ASG_PATCH BOOTSTRAP DIRECTORY

ASG_PATCH and BOOTSTRAP are the two programs; DIRECTORY is made anew and keeps the logs. They are packaged (package.sh) and
uploaded (deploy.sh) as an operator does it, and the template is deployed as it is into the emulator ministack, but for what it does not know: AWS::SSM::* (without_ssm.py) are left out. How it all
hangs together: emulator.py. What is published and reported is compared with deployed-*.expected (UPDATE_EXPECT=1).

Two stacks at the same time, each in an emulator of its own:
1. By schedule, six groups: a plan; a run from the console; what is refused; a run that is stopped, and the sweep that
   follows; the schedule's run, after an update of the stack; a schedule's event twice; prunes, one of them without the
   bucket of reports; a sweep that finds nothing.
2. By maintenance window, 120 groups in several batches: the window's event twice, and its task.

The emulator is not AWS. Known to be wrong in ministack 1.5.33, so nothing here may rely on it:
* State machines: definitions are not validated (asl-validator does that); TimeoutSeconds of the whole is ignored, there
  is no TIMED_OUT; MaxConcurrencyPath is ignored (up to 64 children at once); payloads and histories have no limit; a
  path to nothing is null instead of an error; Retry ignores MaxDelaySeconds and JitterStrategy; children of a
  Distributed Map see their parent's $$.Execution; StopExecution leaves the children running (emulator_patches.py).
* Scheduler: <aws.scheduler.*> are not filled in (the function takes such a run for one of the execution); time zone,
  flexible window, retries and dead-letter queue are ignored; what is not understood is accepted and never fires.
* EventBridge: retries and dead-letter queues of rules are ignored.
* CloudFormation: neither capabilities nor properties are checked, nor the circularity that AWS refuses.
* IAM allows everything (policy_check.py asks a policy simulator). Architecture and memory are ignored. CloudWatch has
  no metrics of Step Functions, so that alarms on them stay as they are; embedded metrics are only log lines.
Waits and retries take a tenth of their time (emulator.py), so the number of passes says nothing either.
"""

import json
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import emulator
from emulator import ROOT, Failed, client, until
from golden import compare, named, shown
from package import package, sources
from without_ssm import WINDOW_ID

HERE = Path(__file__).parent
SPEED = 150
LARGE = 120
# On a busy machine minutes of the simulated account pass between two looks.
HOURS = {"WindowDurationHours": "12", "WindowCutoffHours": "2"}
RUN_SECONDS = 240

# The emulator knows no such limit.
PAYLOAD_LIMIT_BYTES = 256 * 1024
RESTORED_MEANWHILE = "AP-0505"

BEGAN = time.monotonic()


def say(text):
    print(f"{time.monotonic() - BEGAN:5.1f} s  {text}", flush=True)


class World:
    """A deployed stack with its account, and the stories run on it."""

    def __init__(self, name, address, account, directory):
        self.name = name
        self.stack = emulator.Stack(address, account, directory)
        self.clock = account["ASG_PATCH_SIMULATED_CLOCK"]
        self.scaling = client("autoscaling", self.stack.account)
        self.parameters = client("ssm", self.stack.account)
        self.problems = []
        self.before = self.groups()

    def say(self, text):
        say(f"{self.name}: {text}")

    def now(self):
        """The account's time."""
        speed, real, simulated = self.clock.split("@")
        passed = datetime.now(timezone.utc) - datetime.fromisoformat(real.replace("Z", "+00:00"))
        return datetime.fromisoformat(simulated.replace("Z", "+00:00")) + passed * int(speed)

    def groups(self):
        """The account's groups, by name: what a run must leave as it was."""
        pages = self.scaling.get_paginator("describe_auto_scaling_groups").paginate()
        found = {}
        for group in (g for page in pages for g in page["AutoScalingGroups"]):
            suspended = sorted(p["ProcessName"] for p in group["SuspendedProcesses"])
            capacity = tuple(group[k] for k in ("MinSize", "DesiredCapacity", "MaxSize"))
            in_hand = [i["InstanceId"] for i in group["Instances"] if i["LifecycleState"] == "Standby"]
            found[group["AutoScalingGroupName"]] = (capacity, suspended, in_hand, len(group["Instances"]))
        return found

    def records(self):
        """The names of what is recorded: groups in hand."""
        listing = self.parameters.get_paginator("get_parameters_by_path")
        pages = listing.paginate(Path="/asg-patch/records", Recursive=True)
        return sorted(p["Name"] for page in pages for p in page["Parameters"])

    def restored(self):
        """All groups are as they were, at once but for instances that take their time to go."""
        records, now = self.records(), self.groups()
        wrong = []
        for name, was in self.before.items():
            found = now.get(name, ())
            if found[:3] != was[:3]:
                wrong.append(f"{name}: was {was[:3]}, is {found[:3]}")
        if records or wrong:
            raise Failed("; ".join([*wrong, f"records {records}"]))
        until("the last instances to go", lambda: self.groups() == self.before)
        return f"{len(self.before)} groups are as they were, and no record is left"

    def execution(self, arn, seconds=RUN_SECONDS, brief=False):
        """What an execution was given and what came of it; `brief`: without its report."""
        found = self.stack.ended(arn, seconds)
        given = json.loads(found["input"])
        lines = [f"input: {asked(given)}", found["status"]]
        if found["status"] == "FAILED":
            lines.append(named(f"{found['error']}: {found['cause']}"))
        if found["status"] == "SUCCEEDED":
            output = json.loads(found["output"])
            self.is_stored(output)
            if brief:
                output["report"] = "as stored" if "not_stored" not in output else "not stored"
            lines.append(shown(output))
        self.say(f"{found['status']}: {asked(given)}")
        return lines

    def is_stored(self, output):
        """A report that says where it is stored is there, or the output says why it is not."""
        place = output.get("stored_at", "").removeprefix("s3://")
        if place and "not_stored" not in output and self.stack.stored(place) != output["report"]:
            raise Failed(f"{place}: expected the report of the output, found {self.stack.stored(place)}")

    def run(self, given, brief=False):
        return self.execution(self.stack.start(given), brief=brief)

    def published(self):
        """What the topic published since the last story."""
        lines = []
        for subject, body in self.stack.messages():
            # A pass under way when its execution is stopped may notice that the sweep is there already.
            if body.get("group", {}).get("code") != RESTORED_MEANWHILE:
                lines += [f"sns {named(subject)}", shown(body)]
        return lines

    def follower(self, arn):
        """The execution that the rule started when this one had died."""

        def looked():
            for other in self.stack.executions():
                given = json.loads(self.stack.states.describe_execution(executionArn=other)["input"])
                if isinstance(given, dict) and given.get("detail", {}).get("executionArn") == arn:
                    return other
            return None

        return until("the rule", looked)

    def compare(self, name, *parts):
        """A story's golden text."""
        problem = compare(f"deployed-{name}", [line for part in parts for line in part])
        if problem:
            self.problems.append(problem)
        self.say(f"{name}: {'differs' if problem else 'as expected'}")

    def account_of_all(self):
        """All executions and how they ended; the metrics; what was logged as wrong."""
        ended = [self.stack.ended(arn) for arn in self.stack.executions()]
        kinds = Counter(f"{e['status']} {kind(json.loads(e['input']))}" for e in ended)
        metrics, wrong = Counter(), Counter()
        for line in self.log():
            if "_aws" in line:
                defined = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                counts = (m["Name"] for m in defined if m["Unit"] == "Count" and m["Name"] != "ApiCalls")
                metrics.update({name: line[name] for name in counts})
            elif line.get("level") in ("WARN", "ERROR"):
                wrong[named(json.dumps({"level": line["level"], **line.get("fields", {})}))] += 1
        counted = [f"{name} {count}" for name, count in sorted(metrics.items())]
        yield from ("executions", *(f"{count} {name}" for name, count in sorted(kinds.items())))
        yield from ("metrics", *counted, "logged", *(f"{count} {text}" for text, count in sorted(wrong.items())))

    def log(self):
        """The function's log, but for what is not its own."""
        logs = client("logs", self.stack.address)
        name = self.stack.outputs["FunctionLogName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        for text in (e["message"] for page in pages for e in page["events"]):
            for line in text.splitlines():
                if line.startswith("{"):
                    yield json.loads(line)


def asked(given):
    """What an execution was given, in a line."""
    if isinstance(given, dict) and "detail-type" in given:
        return f"event {kind(given)}, {given['detail']['status']}"
    return named(json.dumps(given))


def kind(given):
    """What starts an execution, in a word or two."""
    if not isinstance(given, dict):
        return "no object"
    return given.get("detail-type") or given.get("trigger") or f"mode {given.get('mode', 'run')}"


def by_schedule(world):
    """The stories of the first stack."""
    stack = world.stack
    world.compare("plan", world.run({"mode": "plan"}), world.published())

    console = world.run({"groups": ["web-nightly"], "reason": "CHG-17"})
    world.compare("console", console, world.published(), [world.restored()])

    over = (world.now() - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused = []
    for given in (
        {"mode": "patch"},
        {"groups": ["wbe-nightly"]},
        {"groups": ["private"]},
        {"trigger": "schedule", "schedule": "arn:of:it", "scheduled_time": over},
        [1],
    ):
        arn = stack.start(given)
        refused += world.execution(arn)
        # Refused executions have failed: the rule looks after them, too.
        refused += [f"then {line}" for line in world.execution(world.follower(arn))[1:]]
        refused += world.published()
    world.compare("refused", refused, [world.restored()])

    stopped(world)

    runs = len(stack.executions())
    soon = datetime.now(timezone.utc) + timedelta(seconds=2)
    stack.deploy(ScheduleExpression=soon.strftime("at(%Y-%m-%dT%H:%M:%S)"), **HOURS)
    world.say("stack updated")
    until("the schedule", lambda: len(stack.executions()) > runs, 20)
    scheduled = world.execution(stack.executions()[-1])
    world.compare("schedule", scheduled, world.published(), [world.restored()])

    at = world.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    given = {"trigger": "schedule", "schedule": "arn:of:it", "scheduled_time": at, "groups": ["api-live"]}
    first, second = world.run(given), world.run(given)
    world.compare("schedule-twice", first, second, world.published(), [world.restored()])

    pruned = [*world.run({"mode": "prune"}), *world.published()]
    for given in ({"mode": "prune", "apply": True}, {"mode": "prune", "apply": True, "older_than_days": 1}):
        pruned += [*world.run(given, brief=True), *world.published()]
    stack.lose_reports()
    unstored = world.run({"mode": "prune", "reason": "the bucket is gone"}, brief=True)
    world.compare("prune", pruned, unstored, world.published())

    world.compare("all", world.run({"mode": "sweep"}), world.account_of_all())

    parameters = client("ssm", stack.account)
    record = "/asg-patch/records/left-open"
    parameters.put_parameter(Name=record, Type="String", Value="{}")
    stack.not_deleted(record)
    parameters.delete_parameter(Name=record)
    stack.deploy_window("acceptance")
    stack.not_deleted("Delete these first\n(aws cloudformation delete-stack --stack-name NAME):\nacceptance\n")
    stack.delete_window("acceptance")
    stack.delete()


def stopped(world):
    """A run is stopped while instances are borrowed; the rule's sweep restores what it had in hand."""
    stack = world.stack
    names = ["batch-nightly", "queue-nightly"]
    arn = stack.start({"groups": names})

    def lending():
        now = world.groups()
        return all(now[name][2] for name in names)

    until("the groups to lend an instance", lending)
    stack.not_deleted("an execution is running")
    in_hand = [f"in hand: {', '.join(world.records())}"]
    stack.states.stop_execution(executionArn=arn, error="Operator", cause="not tonight")
    first = world.execution(arn)
    sweep = world.execution(world.follower(arn))
    world.compare("stopped", in_hand, first, sweep, world.published(), [world.restored()])


def by_window(world):
    """The stories of the second stack."""
    stack = world.stack
    execution = "5d2f9c51-0000-4000-8000-000000000001"
    start = world.now().strftime("%Y-%m-%dT%H:%M:%S.%f")
    detail = {"window-id": WINDOW_ID, "window-execution-id": execution, "status": "IN_PROGRESS", "start-time": start}
    event = {
        "Source": "aws.ssm",
        "DetailType": "Maintenance Window Execution State-change Notification",
        "Detail": json.dumps(detail),
    }
    events = client("events", stack.address)
    # Another window's, and the same one's end, are no business of ours.
    other = json.dumps({**detail, "window-id": "mw-0fedcba9876543210"})
    end = json.dumps({**detail, "status": "SUCCESS"})
    entries = [{**event, "Detail": other}, {**event, "Detail": end}, event]
    answer = events.put_events(Entries=entries)
    if answer["FailedEntryCount"]:
        raise Failed(f"PutEvents: {answer['Entries']}")
    until("the window's rule", stack.executions)
    until("the first batch", lambda: stack.states.list_map_runs(executionArn=stack.executions()[0])["mapRuns"])
    [first] = stack.executions()

    events.put_events(Entries=[event])
    until("the event again", lambda: len(stack.executions()) == 2)
    second = [arn for arn in stack.executions() if arn != first]
    task = {"trigger": "maintenance-window", "window_id": WINDOW_ID, "window_execution_id": execution}
    twice = [line for arn in (*second, stack.start(task)) for line in world.execution(arn)]

    found = stack.ended(first, RUN_SECONDS)
    [run] = stack.states.list_map_runs(executionArn=first)["mapRuns"]
    counts = stack.states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
    batches = [f"batches: {', '.join(f'{k} {v}' for k, v in counts.items() if v)}"]
    output = json.loads(found["output"])
    world.is_stored(output)
    groups = output["report"]["groups"]
    # The report is cut off where the output would be too long for Step Functions, and says so.
    if len(groups) + output["report"].get("groups_left_out", 0) != LARGE:
        raise Failed(f"expected {LARGE} groups, found {len(groups)} in {output['summary']}")
    outcomes = sorted({f"{g['outcome']}: {g['reason']}; {g['version_before']} to {g['version_after']}" for g in groups})
    report = [found["status"], named(output["summary"]), *(f"each {text}" for text in outcomes)]
    longest = stack.longest_payload(first)
    if longest >= PAYLOAD_LIMIT_BYTES:
        raise Failed(f"a state was given or gave {longest} bytes, Step Functions takes {PAYLOAD_LIMIT_BYTES}")
    world.say(f"the longest payload of {LARGE} groups has {longest} bytes")
    subjects = [f"sns {named(subject)}" for subject, _ in stack.messages()]
    world.compare("window-twice", twice)
    world.compare("large", report, batches, subjects, [world.restored()], world.account_of_all())


def large_fleet(directory):
    text = (ROOT / "benches/fleet-50.toml").read_text(encoding="utf-8")
    path = directory / "fleet.toml"
    path.write_text(text.replace("count = 50", f"count = {LARGE}"), encoding="utf-8")
    return path


def tell(name, programs, directory, fleet, stories, parameters):
    """Deploys a stack of its own and runs its stories. What was wrong."""
    asg_patch, made = programs
    try:
        with (
            emulator.simulated_account(asg_patch, directory, fleet, SPEED) as account,
            emulator.emulator(directory, account) as address,
        ):
            world = World(name, address, account, directory)
            left_out = world.stack.upload(made)
            world.say(f"uploaded, but for {', '.join(left_out)}")
            world.stack.deploy(**parameters)
            world.say("deployed")
            stories(world)
            world.say("ended")
            return world.problems
    except Exception as error:  # noqa: BLE001 - the other stack goes on, and all is said at the end
        log = directory / "emulator.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        wrong = [line[:300] for line in lines if " ERROR " in line or " WARNING " in line][-10:]
        return ["\n".join([f"{name}: {type(error).__name__}: {error}", f"{log}:", *wrong])]


def main():
    asg_patch, bootstrap, directory = (Path(a).resolve() for a in sys.argv[1:])
    # The blocks that end what was started run on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    shutil.rmtree(directory, ignore_errors=True)
    places = {name: directory / name for name in ("schedule", "window")}
    for place in places.values():
        place.mkdir(parents=True)
    made = package(sources(directory, bootstrap), directory / "package", "arm64")
    say("packaged")
    problems = []

    def thread(*arguments):
        return threading.Thread(target=lambda: problems.extend(tell(*arguments)))

    programs = (asg_patch, made)
    fleet = HERE / "deployed-fleet.toml"
    # Several batches at once: with both limits they would go one after the other.
    limits = {"MaxInFlight": "0", "MaxFailures": "100%"}
    window = {"Trigger": "MaintenanceWindow", **limits, **HOURS}
    threads = [
        thread("schedule", programs, places["schedule"], fleet, by_schedule, HOURS),
        thread("window", programs, places["window"], large_fleet(places["window"]), by_window, window),
    ]
    for each in threads:
        each.start()
    try:
        for each in threads:
            each.join()
    except BaseException:
        emulator.STOPPING.set()
        raise
    if problems:
        sys.exit("\n\n".join(problems))
    say("all as expected")


if __name__ == "__main__":
    main()
