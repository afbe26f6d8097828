#!/usr/bin/env bash
# Makes what is deployed: a directory that needs no Rust and no other file of this repository.
#
#   infra/package.sh [--no-build] [--architecture arm64|x86_64 ...] [DIRECTORY]
#
# DIRECTORY is target/package/asg-patch-VERSION by default; it is made anew, and its name is printed at the end. Without
# --architecture, the function is built for both. --no-build takes target/lambda/ARCHITECTURE/bootstrap/bootstrap.zip as
# it is. In the directory: template.yaml with documents and state machine in it, function-ARCHITECTURE.zip, deploy.sh,
# delete.sh, window.yaml, VERSION, sbom.cdx.json (with a build, if cargo-cyclonedx is installed), LICENSE and SHA256SUMS.
set -euo pipefail
cd "$(dirname "$0")/.."

build=yes
architectures=()
directory=''
while (($#)); do
    case "$1" in
        --no-build) build=no; shift ;;
        --architecture)
            case "${2:-}" in
                arm64 | x86_64) architectures+=("$2"); shift 2 ;;
                *) echo "--architecture: expected arm64 or x86_64, found '${2:-}'" >&2; exit 2 ;;
            esac ;;
        -*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
        *) directory="$1"; shift ;;
    esac
done
((${#architectures[@]})) || architectures=(arm64 x86_64)

# A release has its tag; what lies between two has its commit, too.
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)"
if commit="$(git rev-parse --short HEAD 2>/dev/null)"; then
    [[ "$(git tag --points-at HEAD)" == *"v$version"* ]] || version="$version-$commit"
    git diff --quiet HEAD -- 2>/dev/null || version="$version-changed"
    # The tools below take it for their own clock, so that the same commit makes the same package.
    SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
    export SOURCE_DATE_EPOCH
fi
directory="${directory:-target/package/asg-patch-$version}"

# A line `KEY: { Package::Include: FILE }` becomes KEY and the file's text, indented below it. A document's role is the
# stack's, whatever its path; a definition is text.
fill() {
    local line indent key file text
    local include="^( *)([A-Za-z]+): \{ 'Package::Include': ([^ ]+) \}$"
    while IFS= read -r line || [[ -n "$line" ]]; do
        if [[ "$line" =~ $include ]]; then
            indent="${BASH_REMATCH[1]}" key="${BASH_REMATCH[2]}" file="infra/${BASH_REMATCH[3]}"
            [[ -f "$file" ]] || { echo "infra/template.yaml: there is no $file" >&2; return 1; }
            text="$(sed -e "s/^\(..*\)$/$indent  \1/" "$file")"
            if [[ "$key" == DefinitionString ]]; then
                printf '%s%s: |\n%s\n' "$indent" "$key" "$text"
            else
                text="$(sed -e "s/^\($indent  assumeRole: \).*/\1!GetAtt AutomationRole.Arn/" <<<"$text")"
                printf '%s%s:\n%s\n' "$indent" "$key" "$text"
            fi
        else
            printf '%s\n' "$line"
        fi
    done <infra/template.yaml
}

rm -rf "$directory"
mkdir -p "$directory"
for architecture in "${architectures[@]}"; do
    built="target/lambda/$architecture"
    if [[ "$build" == yes ]]; then
        flag=--arm64
        [[ "$architecture" == x86_64 ]] && flag=--x86-64
        cargo lambda build --profile function --locked --bin bootstrap "$flag" --output-format zip --lambda-dir "$built" >&2
    fi
    cp "$built/bootstrap/bootstrap.zip" "$directory/function-$architecture.zip"
done
fill >"$directory/template.yaml"
cp infra/deploy.sh infra/delete.sh infra/window.yaml LICENSE "$directory/"
printf '%s\n' "$version" >"$directory/VERSION"
if [[ "$build" == yes ]] && cargo cyclonedx --version >/dev/null 2>&1; then
    cargo cyclonedx --format json --spec-version 1.5 --target all --no-build-deps --override-filename sbom.cdx >&2
    # Without the name of this machine's folder.
    sed "s|file://$PWD|file:///asg-patch|g" sbom.cdx.json >"$directory/sbom.cdx.json"
    rm sbom.cdx.json
else
    echo "without sbom.cdx.json: nothing was built, or cargo-cyclonedx (cargo install cargo-cyclonedx) is not there" >&2
fi
sums() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}
checked="$(cd "$directory" && sums ./*)"
printf '%s\n' "$checked" >"$directory/SHA256SUMS"
printf '%s\n' "$directory"
