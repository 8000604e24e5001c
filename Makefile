# Two commands do all the set-up: `make run-server` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# uv is used when present; pip is enough.
PIP    := $(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip --disable-pip-version-check install --quiet) -c constraints.txt
PYTEST_ARGS ?=
JOBS   ?= auto

.DEFAULT_GOAL := help
.PHONY: help run-server run-gateway run-web test check format types lint imports protos protos-check stubs bench coverage fuzz clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run-server: $(VENV)/.server ## Run the service on SQLite: 127.0.0.1:50051, data in .counterseal
	@$(BIN)/counterseal serve

run-gateway: $(VENV)/.gateway ## Run an example: an object store behind the gateway, on 127.0.0.1:8080
	@$(BIN)/python examples/store.py

run-web: $(VENV)/.gateway ## Run an example: a page with a sign-in, on 127.0.0.1:8090; COUNTERSEAL_TOKEN for a service elsewhere
	@token="$${COUNTERSEAL_TOKEN:-$$($(BIN)/python examples/web/local_caller.py)}" && COUNTERSEAL_TOKEN="$$token" exec $(BIN)/python examples/web/serve.py

test: $(VENV)/.dev ## Pass the tests; PYTEST_ARGS="tests/core -k presign" for some of them
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

check: lint types imports protos-check ## Everything that needs no running service: ruff, mypy, import-linter, buf

lint: $(VENV)/.dev ## ruff, style and errors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/.dev ## import-linter: the layers hold
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Let ruff put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: ## Generate service/counterseal/v1 from protos/
	PYTHON=$(PYTHON) protos/tools/generate.sh

protos-check: ## buf lint, format and breaking; generated Python is current
	PYTHON=$(PYTHON) protos/tools/check.sh

stubs: ## Generate the Go, TypeScript, Java and Rust stubs into clients/
	protos/tools/stubs.sh

bench: $(VENV)/.dev ## Measure CPU per Verify beside a null handler, and of streamed bodies beside hashing; draws docs/bench/*.svg
	$(BIN)/python -m tests.bench $(BENCH_ARGS)
	$(BIN)/python -m tests.bench.body

coverage: $(VENV)/.dev ## Every branch of the core is tested
	$(BIN)/python -m pytest -q -n $(JOBS) tests/core --cov=counterseal.core --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

fuzz: $(VENV)/.dev ## Fuzz every parser for SECONDS each (default 60)
	$(BIN)/python -m tests.fuzz.run --seconds $(or $(SECONDS),60)

clean: ## Remove what was built; keeps the data folder
	rm -rf $(VENV) .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Counterseal needs Python 3.11 or newer; name one with PYTHON=")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.server: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the service into $(VENV) ..."
	@$(PIP) -e '.[server]'
	@touch $@

$(VENV)/.gateway: clients/python/pyproject.toml $(VENV)/.server
	@echo "Installing the Python client, a web server and boto3 into $(VENV) ..."
	@$(PIP) -e '.[server]' -e 'clients/python[gateway]' boto3
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt clients/python/pyproject.toml | $(VENV)/bin/python
	@echo "Installing the service, its clients and the test tools into $(VENV) ..."
	@$(PIP) -e '.[dev]' -e 'clients/python[gateway]'
	@touch $@ $(VENV)/.server $(VENV)/.gateway
