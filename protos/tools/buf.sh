#!/usr/bin/env bash
# Runs buf in protos/, installing it first where it is missing: tools/buf.sh lint
set -euo pipefail
cd "$(dirname "$0")/.."
# Not `npm ci`: it refuses a lock file that lacks the binaries for platforms which the registry in use does not carry.
[ -x node_modules/.bin/buf ] || npm install --silent --no-progress --no-save --ignore-scripts >&2
exec node_modules/.bin/buf "$@"
