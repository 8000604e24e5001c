#!/usr/bin/env bash
# Everything that must hold before a change of protos/ is merged; prints what is wrong and ends with 1.
# The rules behind it: protos/README.md. Called by `make check`.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x node_modules/.bin/buf ] || npm ci --silent --no-progress
buf=node_modules/.bin/buf
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

echo "protos: lint"
$buf lint
echo "protos: format"
$buf format --diff --exit-code
echo "protos: nothing released is broken"
$buf breaking --against released/counterseal.v1.json
echo "protos: service/counterseal/v1 is what tools/generate.sh makes"
tools/generate.sh "$fresh"
diff -r -u -x __pycache__ "$fresh/counterseal/v1" ../service/counterseal/v1 || {
  echo "service/counterseal/v1 is stale or was edited by hand: run make protos" >&2
  exit 1
}
