#!/usr/bin/env bash
# Everything that must hold before a change of protos/ is merged; prints what is wrong and ends with 1.
# The rules behind it: protos/README.md. Called by `make check`.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

echo "protos: lint"
tools/buf.sh lint
echo "protos: format"
tools/buf.sh format --diff --exit-code
echo "protos: nothing released is broken"
tools/buf.sh breaking --against released/counterseal.v1.json
echo "protos: service/counterseal/v1 is what tools/generate.sh makes"
tools/generate.sh "$fresh"
diff -r -u -x __pycache__ "$fresh/counterseal/v1" ../service/counterseal/v1 || {
  echo "service/counterseal/v1 is stale or was edited by hand: run make protos" >&2
  exit 1
}
