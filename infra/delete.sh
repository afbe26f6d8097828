#!/usr/bin/env bash
# Deletes the stack, unless groups would stay changed (with the stack go the sweeps that would restore them), or stacks of
# windows still need it.
#
#   delete.sh [--stack NAME]
set -euo pipefail

stack=asg-patch
while (($#)); do
    case "$1" in
        --stack) stack="${2:?--stack needs a name}"; shift 2 ;;
        *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done

machine="$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='StateMachineArn'].OutputValue")"
running="$(aws stepfunctions list-executions --state-machine-arn "$machine" --status-filter RUNNING --output text \
    --query 'executions[].executionArn')"
records="$(aws ssm get-parameters-by-path --path /asg-patch/records --recursive --output text --query 'Parameters[].Name')"
if [[ -n "$running" ]]; then
    printf '%s\n' "the stack $stack is not deleted: an execution is running. Wait for its end, or stop it and wait for the sweep:" \
        "$running" >&2
    exit 1
fi
if [[ -n "$records" ]]; then
    printf '%s\n' "the stack $stack is not deleted: groups are not restored yet. Restore them (asg-patch restore), then delete it:" \
        "$records" >&2
    exit 1
fi
# CloudFormation itself does not delete what others import. It fails if there are none, so no answer means none.
windows="$(aws cloudformation list-imports --export-name "$stack-StateMachineArn" --output text \
    --query 'Imports[]' 2>/dev/null || true)"
if [[ -n "$windows" ]]; then
    printf '%s\n' "the stack $stack is not deleted: stacks of windows (window.yaml) need it. Delete these first" \
        "(aws cloudformation delete-stack --stack-name NAME):" "${windows//$'\t'/$'\n'}" >&2
    exit 1
fi

aws cloudformation delete-stack --stack-name "$stack"
aws cloudformation wait stack-delete-complete --stack-name "$stack"
printf '%s\n' "deleted. Kept: the log groups, the parameters below /asg-patch/, the buckets of the uploads and of the reports, and the" \
    "images and launch template versions that groups use. infra/README.md says how to remove what is not needed any more." >&2
