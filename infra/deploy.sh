#!/usr/bin/env bash
# Deploys asg-patch into the account and region of the AWS CLI's configuration.
#
#   deploy.sh [--stack NAME] [--bucket NAME] [--no-build] [--upload-only] [--tag Key=Value ...] [Parameter=Value ...]
#
# In a package (see package.sh) it uploads and deploys that. In the repository, as infra/deploy.sh, it makes a package first,
# for the stack's architecture; --no-build takes the function as it was built before.
#
# A parameter that is not given keeps the stack's value; a new stack gets the template's defaults. The bucket for the uploads,
# asg-patch-ACCOUNT-REGION by default, is created if it does not exist. --upload-only deploys nothing and prints what a
# stack set or Terraform needs.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
stack=asg-patch
bucket=''
build=yes
deploy=yes
parameters=()
tags=()
while (($#)); do
    case "$1" in
        --stack) stack="${2:?--stack needs a name}"; shift 2 ;;
        --bucket) bucket="${2:?--bucket needs a name}"; shift 2 ;;
        --no-build) build=no; shift ;;
        --upload-only) deploy=no; shift ;;
        --tag) tags+=("${2:?--tag needs Key=Value}"); shift 2 ;;
        [A-Z]*=*) parameters+=("$1"); shift ;;
        *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done

account="$(aws sts get-caller-identity --query Account --output text)"
region="${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}"
: "${region:?set AWS_REGION, or a region in the AWS CLI\'s configuration}"
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"

# The function must have the stack's architecture: the one given now, else the stack's, else the default.
architecture="$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Parameters[?ParameterKey=='Architecture'].ParameterValue" 2>/dev/null || true)"
for parameter in ${parameters[@]+"${parameters[@]}"}; do
    [[ "$parameter" == Architecture=* ]] && architecture="${parameter#*=}"
done
architecture="${architecture:-arm64}"

package="$here"
if [[ ! -f "$package/SHA256SUMS" ]]; then
    options=(--architecture "$architecture")
    [[ "$build" == no ]] && options+=(--no-build)
    package="$("$here/package.sh" "${options[@]}")"
    [[ "$package" == /* ]] || package="$here/../$package"
fi
sums() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}
(cd "$package" && sums --check SHA256SUMS >/dev/null)
if [[ ! -f "$package/function-$architecture.zip" ]]; then
    echo "$package has no function for $architecture: $(cd "$package" && echo function-*.zip)" >&2
    exit 1
fi

# A new account has 10, which the function shares with all others.
if concurrency="$(aws lambda get-account-settings --query AccountLimit.ConcurrentExecutions --output text 2>/dev/null)"; then
    echo "Lambda runs up to $concurrency invocations at once in this account and region" >&2
fi

# The owner is checked: anyone can take a bucket's name, and what is in this one becomes the function.
bucket="${bucket:-asg-patch-$account-$region}"
if ! aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>&1; then
    aws s3 mb "s3://$bucket" >&2
fi

# Another content has another place, so that CloudFormation sees that the function has changed and nothing is overwritten.
checksum="$(sums "$package/SHA256SUMS")"
prefix="asg-patch/$(cat "$package/VERSION")-${checksum:0:12}/"
for file in "$package"/*; do
    aws s3api put-object --bucket "$bucket" --key "$prefix${file##*/}" --body "$file" \
        --expected-bucket-owner "$account" >/dev/null
done

if [[ "$deploy" == no ]]; then
    printf '%s\n' "ArtifactBucket=$bucket" "ArtifactPrefix=$prefix" \
        "template: https://$bucket.s3.$region.amazonaws.com/${prefix}template.yaml"
    exit 0
fi

aws cloudformation deploy --template-file "$package/template.yaml" --stack-name "$stack" \
    --s3-bucket "$bucket" --s3-prefix "${prefix%/}" \
    --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset ${tags[@]+--tags "${tags[@]}"} \
    --parameter-overrides "ArtifactBucket=$bucket" "ArtifactPrefix=$prefix" ${parameters[@]+"${parameters[@]}"}
aws cloudformation describe-stacks --stack-name "$stack" --output table \
    --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]'
