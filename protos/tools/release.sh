#!/usr/bin/env bash
# Makes the present contract the released one, which later changes are compared with. Run once per release, on its commit.
# Refuses a contract that breaks the one released before: there is no flag for that, a break is a new package `counterseal.v2`.
set -euo pipefail
cd "$(dirname "$0")/.."
image=released/counterseal.v1.json
if [ -e "$image" ]; then tools/buf.sh breaking --against "$image"; fi
# Without comments and positions, and indented: a diff of the image then shows the change of the contract and nothing else.
tools/buf.sh build --exclude-source-info -o "-#format=json" | "${PYTHON:-python3}" -m json.tool --indent 1 > "$image.new"
mv "$image.new" "$image"
