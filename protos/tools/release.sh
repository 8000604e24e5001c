#!/usr/bin/env bash
# Makes the present contract the released one, which later changes are compared with. Run once per release, on its commit.
# Refuses a contract that breaks the one released before: there is no flag for that, a break is a new package `counterseal.v2`.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x node_modules/.bin/buf ] || npm ci --silent --no-progress
image=released/counterseal.v1.json
if [ -e "$image" ]; then node_modules/.bin/buf breaking --against "$image"; fi
# Without comments and positions, and indented: a diff of the image then shows the change of the contract and nothing else.
node_modules/.bin/buf build --exclude-source-info -o "-#format=json" | "${PYTHON:-python3}" -m json.tool --indent 1 > "$image.new"
mv "$image.new" "$image"
