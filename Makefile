# Everything a person or a machine does with this checkout. `make` alone lists it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCKS  := deploy/requirements
CODE   := $(wildcard auth cache origin deploy/setup tests benchmarks)
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench lock clean

help: ## list these verbs
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10
	@echo "ARGS=... is handed on: make test ARGS='-k ranges --all-loops'"

demo: $(VENV)/demo.done ## make a stream, serve it signed, open the player
	@$(BIN)/headgate demo $(ARGS)

test: $(VENV)/dev.done ## what check does, then every test against real programs
	@$(BIN)/python -m tests.parts install
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/dev.done ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "headgate: run make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary $(CODE)
	@$(BIN)/lint-imports --no-logo >$(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@echo "headgate check: format, lint, types and imports are clean"

format: $(VENV)/dev.done ## rewrite the code in the house format
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

bench: $(VENV)/dev.done ## load Headgate and its peers side by side; takes a quarter of an hour on a quiet machine
	@$(BIN)/python -m tests.parts install gcc nginx njs varnishd varnishncsa
	@$(BIN)/python -m benchmarks.load $(ARGS)

# uv resolves for all supported Pythons at once; nothing else here needs it.
UV_EXPORT = uv export --quiet --format requirements-txt --no-header --no-annotate --no-emit-project \
	--no-emit-index-url --no-default-groups
# pip itself, the project's build backend, and that of the one test tool that has no wheel.
BUILD = 'hatchling>=1.27' 'editables>=0.5' 'pip>=25' 'setuptools>=80'
lock: ## resolve the dependencies again (needs uv)
	@command -v uv >/dev/null || { echo "headgate: install uv to change the locks" >&2; exit 1; }
	@uv lock --quiet --upgrade
	@$(UV_EXPORT) --output-file $(LOCKS)/runtime.txt >/dev/null
	@$(UV_EXPORT) --extra demo --output-file $(LOCKS)/demo.txt >/dev/null
	@$(UV_EXPORT) --all-extras --group dev --output-file $(LOCKS)/dev.txt >/dev/null
	@printf '%s\n' $(BUILD) | uv pip compile --quiet --universal --upgrade --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --output-file $(LOCKS)/build.txt - >/dev/null
	@rm -f uv.lock
	@git diff --stat -- $(LOCKS)

clean: ## remove what make, tests and the demo left behind
	@rm -rf $(VENV) .demo .parts .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage
	@rm -rf build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/%.done: $(LOCKS)/%.txt $(LOCKS)/build.txt pyproject.toml
	@$(PYTHON) -m deploy.setup.bootstrap $(VENV) $<
	@touch $@
