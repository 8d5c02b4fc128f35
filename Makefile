# Typeplate. `make` alone lists what there is. Needs Python 3.11 or newer with pip, and nothing else.

# The interpreter: `make PYTHON=/path/to/python3`, or the first that is new enough, looked for once and only if needed.
ifeq ($(origin PYTHON), undefined)
PYTHON = $(eval PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done))$(PYTHON)
endif
VENV := .venv
BIN := $(VENV)/bin
PROTO_VENV := .venv-proto
OLDEST_VENV := .venv-oldest
LOCKS := server/requirements
# Where `make run` keeps database, keys and the administrator's key.
DATA ?= data
# All tests of what the SDK's users meet. Left out: the server's own; test_buf_curl.py and test_grpc_js.py, whose clients
# hold nothing of the SDK; test_oldest.py, which is the short form of this.
SDK_TESTS := tests/unit/sdk tests/unit/cli tests/unit/test_public_names.py tests/integration/sdk $(addprefix tests/e2e/, \
	test_cli.py test_dist.py test_empty_environment.py test_grpclib.py test_rotation.py test_sdk_readme.py test_soak.py \
	test_testing_example.py)
# Further arguments for pytest, for example `make test ARGS="-k revoke"`.
ARGS ?=

PIP_INSTALL = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-input
RUN := $(VENV)/.run.stamp
DEV := $(VENV)/.dev.stamp
PROTO := $(PROTO_VENV)/.stamp
OLDEST := $(OLDEST_VENV)/.stamp
SAMPLE := server/typeplate_server/vehicles/sample/vehicles.jsonl.gz

.DEFAULT_GOAL := help
.PHONY: help setup proto verify fmt lint test test-oldest test-long test-mutants check run demo bench bench-sdk bench-scale sample lock dist clean
.DELETE_ON_ERROR:

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV) ## Install everything for development into .venv

run: $(RUN) $(DATA)/.sample.stamp ## Serve on 127.0.0.1:50051 with sample vehicles, from ./data
	@sed 's|DATA|$(DATA)|; s|BIN|$(BIN)|' server/scripts/next_steps.txt
	@TYPEPLATE_DATA_DIR=$(DATA) exec $(BIN)/typeplate-server serve

demo: $(RUN) ## Tell the whole story in one go: key, token, vehicle, revocation, refusal
	@$(BIN)/python server/scripts/demo.py

test: $(DEV) $(PROTO) $(OLDEST) ## Run the whole test suite
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

test-oldest: $(OLDEST) $(PROTO) ## Run all tests of the SDK on the lowest versions that it takes
	@$(OLDEST_VENV)/bin/python -m pytest -n auto --dist loadgroup $(SDK_TESTS) $(ARGS)

test-long: $(DEV) $(PROTO) ## Run in full what repeats, and print what it measures (takes long)
	@TYPEPLATE_TEST_LONG=1 $(BIN)/python -m pytest -n 0 -s -m long $(ARGS)

test-mutants: $(DEV) ## Take each rule of security out in turn, and see that the suite notices (takes minutes)
	@$(BIN)/python -m tests.mutants $(ARGS)

check: verify lint test test-oldest ## All that has to pass before a change lands

verify: $(DEV) $(PROTO) ## Regenerate what is generated and fail on a difference
	@$(PROTO_VENV)/bin/python client_sdk/codegen/generate.py --check
	@$(BIN)/python server/scripts/settings_table.py --check

lint: $(DEV) ## Lint and type-check Python and protos
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/python server/scripts/lint_protos.py
	@$(BIN)/mypy

fmt: $(DEV) ## Format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

proto: $(DEV) $(PROTO) ## Generate the SDK's code from the protos, and the README's settings table
	@$(PROTO_VENV)/bin/python client_sdk/codegen/generate.py
	@$(BIN)/python server/scripts/settings_table.py

bench: $(DEV) ## Measure the server against a bare one (takes minutes)
	@$(BIN)/python -m tests.benchmarks.server_cost

bench-sdk: $(DEV) ## Measure what a call through the SDK costs against the raw stub
	@$(BIN)/python -m tests.benchmarks.sdk_cost

bench-scale: $(DEV) ## Measure checks and starts with 100,000 clients against ten, on both databases
	@$(BIN)/python -m tests.benchmarks.auth_scale
	@$(BIN)/python -m tests.benchmarks.auth_scale --back-end postgres

sample: $(DEV) ## Make the committed sample anew from vPIC (PyPI ultravin, 26 MB)
	@$(call PIP_INSTALL,$(VENV)) --require-hashes -r $(LOCKS)/sample.lock
	@$(BIN)/python server/scripts/make_sample.py

dist: $(DEV) ## Build wheel and sdist of both packages into ./dist
	@$(BIN)/python -m hatchling build -d dist
	@cd client_sdk && ../$(BIN)/python -m hatchling build -d ../dist

lock: $(DEV) ## Pin the dependencies anew, with hashes
	@$(call COMPILE,run) pyproject.toml --group build --upgrade
	@$(call COMPILE,dev) pyproject.toml --group dev -c $(LOCKS)/run.lock --upgrade
	@$(call COMPILE,oldest) pyproject.toml --group oldest --upgrade
	@$(call COMPILE,proto) --group proto --upgrade
	@$(call COMPILE,sample) --group sample --upgrade

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-emit-package typeplate --custom-compile-command "make lock" -o $(LOCKS)/$(1).lock

clean: ## Remove all that was built or installed; ./data stays
	@rm -rf $(VENV) $(PROTO_VENV) $(OLDEST_VENV) .node dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find server client_sdk tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is a stamp: what it depends on is what it was made from.

$(RUN): $(LOCKS)/run.lock pyproject.toml client_sdk/pyproject.toml
	@$(call MAKE_VENV,$(VENV))
	@echo "Installing Typeplate into $(VENV)"
	@$(call PIP_INSTALL,$(VENV)) --require-hashes -r $(LOCKS)/run.lock
	@$(call PIP_INSTALL,$(VENV)) --no-deps --no-build-isolation --no-index -e client_sdk -e .
	@touch $@

$(DEV): $(LOCKS)/dev.lock $(RUN)
	@echo "Installing the development tools into $(VENV)"
	@$(call PIP_INSTALL,$(VENV)) --require-hashes -r $(LOCKS)/dev.lock
	@touch $@

$(PROTO): $(LOCKS)/proto.lock
	@$(call MAKE_VENV,$(PROTO_VENV))
	@echo "Installing the proto compiler into $(PROTO_VENV)"
	@$(call PIP_INSTALL,$(PROTO_VENV)) --require-hashes -r $(LOCKS)/proto.lock
	@touch $@

$(OLDEST): $(LOCKS)/oldest.lock pyproject.toml client_sdk/pyproject.toml
	@$(call MAKE_VENV,$(OLDEST_VENV))
	@echo "Installing the oldest gRPC that the SDK takes into $(OLDEST_VENV)"
	@$(call PIP_INSTALL,$(OLDEST_VENV)) --no-compile --require-hashes -r $(LOCKS)/oldest.lock
	@$(call PIP_INSTALL,$(OLDEST_VENV)) --no-deps --no-build-isolation --no-index -e client_sdk -e .
	@touch $@

# Some systems ship Python without ensurepip; there the system's own pip fills the environment's.
define MAKE_VENV
test -x $(1)/bin/python || { \
test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: " + sys.version)' || exit 1; \
echo "Creating $(1) with $$("$(PYTHON)" --version)"; \
if "$(PYTHON)" -c 'import ensurepip' 2>/dev/null; then "$(PYTHON)" -m venv $(1); \
else "$(PYTHON)" -m venv --without-pip $(1) && "$(PYTHON)" -m pip --python $(1)/bin/python install --quiet pip; fi; }
endef

$(DATA)/.sample.stamp: $(SAMPLE) | $(RUN)
	@TYPEPLATE_DATA_DIR=$(DATA) $(BIN)/typeplate-server init
	@TYPEPLATE_DATA_DIR=$(DATA) $(BIN)/typeplate-server import sample
	@touch $@
