# Bare `make` lists the targets. Every target sets up what it needs.
SHELL := /bin/sh
PY := .venv/bin/python
BASE := .venv/.base-ready
DEV := .venv/.dev-ready
RECORDING ?=
PORT ?= 8000
CHAOS_GAMES ?= 1000

.DEFAULT_GOAL := help
.PHONY: help setup up test check chaos bench format lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(BASE): requirements/uv.txt requirements/base.txt requirements/install.sh
	@sh requirements/install.sh base

$(DEV): $(BASE) requirements/dev.txt
	@sh requirements/install.sh dev

setup: $(BASE) ## make .venv with the pinned requirements

up: $(BASE) ## run everything at http://127.0.0.1:8000 (RECORDING=path replays recorded trades)
	@$(PY) manage.py up --recording "$(RECORDING)" --port $(PORT)

test: $(DEV) ## run the whole suite on PostgreSQL and Valkey
	@$(PY) -m pytest -q -n 3 --dist worksteal

check: $(DEV) ## format, lint, imports, types, migrations, deploy checks, then the tests
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@PYTHONPATH=. $(PY) -c "from importlinter.cli import lint_imports_command as run; run()"
	@$(PY) -m mypy
	@$(PY) manage.py makemigrations --check --dry-run
	@HTTPS=true $(PY) manage.py check --deploy --fail-level WARNING
	@$(MAKE) --no-print-directory test

chaos: $(DEV) ## every way in which a pair's two legs can end, and a session of CHAOS_GAMES games
	@CHAOS_GAMES=$(CHAOS_GAMES) $(PY) -m pytest -q -n 2 --dist worksteal tests/chaos_pairs.py

bench: $(DEV) ## side-by-side benchmarks; prints ratios
	@$(PY) -m uv pip install -q --no-deps --require-hashes --target .venv/bench -r requirements/bench.txt
	@$(PY) -m bench

format: $(DEV) ## format and fix what ruff can fix
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

lock: $(BASE) ## recompile requirements/*.txt from *.in
	@cd requirements && for f in uv base dev; do \
	  ../.venv/bin/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header "$$f.in" -o "$$f.txt" || exit 1; done

clean: ## remove .venv (data in .polymix stays)
	@rm -rf .venv
