#!/usr/bin/env bash
# Generates service/counterseal/v1 from protos/. Always with grpcio-tools 1.66.2 in an environment of its own: what it makes
# imports under every protobuf from 5.27 on, whereas stubs from the newest tools refuse older runtimes.
#   generate.sh            writes into service/
#   generate.sh DIRECTORY  writes into DIRECTORY instead (CI compares)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-service}
venv=.tools/protos
pins="grpcio-tools==1.66.2 mypy-protobuf==3.6.0 protobuf==5.29.5 setuptools==75.8.0"
if [ "$(cat "$venv/pins" 2>/dev/null)" != "$pins" ]; then
  rm -rf "$venv"
  "${PYTHON:-python3}" -m venv "$venv"
  # shellcheck disable=SC2086
  "$venv/bin/pip" install --quiet $pins
  echo "$pins" > "$venv/pins"
fi
mkdir -p "$out"
"$venv/bin/python" -m grpc_tools.protoc -Iprotos \
  --plugin=protoc-gen-mypy_grpc="$venv/bin/protoc-gen-mypy_grpc" \
  --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" --mypy_grpc_out="$out" \
  protos/counterseal/v1/*.proto
# A file without a service has nothing in its _grpc stubs.
for f in "$out"/counterseal/v1/*_pb2_grpc.py; do
  grep -q 'class .*Stub' "$f" || rm -f "$f" "${f}i"
done
cat > "$out/counterseal/v1/__init__.py" <<'PY'
"""Generated from protos/counterseal/v1 by `make protos`. Do not edit."""
PY
