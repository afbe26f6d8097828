#!/usr/bin/env bash
# Builds, uploads and deploys asg-patch into the account and region of the AWS CLI's configuration.
#
#   infra/deploy.sh [--stack NAME] [--bucket NAME] [--no-build] [Parameter=Value ...]
#
# A parameter that is not given keeps the stack's value; a new stack gets the template's defaults.
# The bucket for the uploads, asg-patch-ACCOUNT-REGION by default, is created if it does not exist.
set -euo pipefail
cd "$(dirname "$0")/.."

stack=asg-patch
bucket=''
build=yes
parameters=()
while (($#)); do
    case "$1" in
        --stack) stack="${2:?--stack needs a name}"; shift 2 ;;
        --bucket) bucket="${2:?--bucket needs a name}"; shift 2 ;;
        --no-build) build=no; shift ;;
        [A-Z]*=*) parameters+=("$1"); shift ;;
        *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done

account="$(aws sts get-caller-identity --query Account --output text)"
region="${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}"
: "${region:?set AWS_REGION, or a region in the AWS CLI\'s configuration}"
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"

# The binary must have the stack's architecture: the one given now, else the stack's, else the default.
architecture="$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Parameters[?ParameterKey=='Architecture'].ParameterValue" 2>/dev/null || true)"
for parameter in ${parameters[@]+"${parameters[@]}"}; do
    [[ "$parameter" == Architecture=* ]] && architecture="${parameter#*=}"
done
case "${architecture:-arm64}" in
    x86_64) flag=--x86-64 ;;
    *) flag=--arm64 ;;
esac

if [[ "$build" == yes ]]; then
    cargo lambda build --release --locked --bin bootstrap "$flag" --output-format zip --lambda-dir target/lambda
fi

# The owner is checked: anyone can take a bucket's name, and what is in this one becomes the function.
bucket="${bucket:-asg-patch-$account-$region}"
if ! aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>&1; then
    aws s3 mb "s3://$bucket"
fi

mkdir -p target/infra
aws cloudformation package --template-file infra/template.yaml --s3-bucket "$bucket" --s3-prefix "$stack" \
    --output-template-file target/infra/packaged.yaml >/dev/null
aws cloudformation deploy --template-file target/infra/packaged.yaml --stack-name "$stack" \
    --s3-bucket "$bucket" --s3-prefix "$stack" \
    --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset \
    ${parameters[@]+--parameter-overrides "${parameters[@]}"}
aws cloudformation describe-stacks --stack-name "$stack" --output table \
    --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]'
