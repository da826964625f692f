# Commands for a machine with git, Python 3.11 or newer, and make:
#   make demo            the whole service, for real, on this machine (make demo ARGS=--once: run once, print a summary, exit)
#   make test            every test
#   make faults          a worker killed at 50 random moments, on SQLite and PostgreSQL; a table of what came of it
#   make bench           what sending costs beside others (make bench-quick: three minutes; make bench ARGS="--only G1,G7")
#   make golden          what the letters' tests compare with, anew; then read the difference
#   make gallery         every golden mail in light, dark, forced dark, without styles, without pictures: build/gallery/index.html
#   make pictures        every page in light, dark, right to left, on a phone and on a desk: build/pictures/index.html
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help demo bench bench-quick golden gallery pictures test quick-test page-test slow-test browser-test postgres-test faults check format lint types contracts deps lock revision texts clean

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/runtime
	@$(BIN)/python -m broadsheet demo $(ARGS)

test: quick-test page-test slow-test browser-test postgres-test
	@$(BIN)/python tools/missing_parts.py

quick-test: .venv/dev tests/browser/node_modules
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not faults and not browser and not pages"

page-test: .venv/dev
	$(BIN)/python -m pytest -q -n 2 -m "pages and not slow and not browser"

slow-test: .venv/dev
	$(BIN)/python -m pytest -q -m "(slow or faults) and not browser"

browser-test: .venv/dev tests/browser/node_modules
	$(BIN)/python -m pytest -q -m browser

# What only npm has, in the versions of package-lock.json. Without npm those tests are named at the end as not run.
tests/browser/node_modules: tests/browser/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix tests/browser --silent --no-audit --no-fund && touch $@; fi

# The long form of tests/faults: 50 kills at random moments on either database, and a table of what came of them.
faults: .venv/dev
	$(BIN)/python -m tests.faults.kills $(ARGS)
	$(BIN)/python -m tests.faults.workers

# Ratios against others of the same run. What is not installed (Postfix's smtp-source, node, Django) is named as not run.
bench: .venv/dev bench/node/node_modules
	$(BIN)/python -m bench $(ARGS)

bench-quick: .venv/dev
	$(BIN)/python -m bench --quick $(ARGS)

bench/node/node_modules: bench/node/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix bench/node --silent --no-audit --no-fund && touch $@; fi

postgres-test: .venv/dev
	$(BIN)/python -m pytest -q -n 2 --database=postgresql -m "not faults and not browser"

# The list that CI runs.
check: format lint types contracts deps test

format: .venv/dev
	$(BIN)/ruff format --check .

lint: .venv/dev
	$(BIN)/ruff check .

types: .venv/dev
	$(BIN)/mypy

contracts: .venv/dev
	$(BIN)/lint-imports

deps: .venv/dev
	$(BIN)/deptry .

# Hash-locked, without any index address in them.
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
lock: .venv/dev
	$(LOCK) --output-file requirements/runtime.txt
	$(LOCK) --group dev --all-extras --output-file requirements/dev.txt

# After a change of tables: make revision MESSAGE="subscribers: their zone"
revision: .venv/dev
	$(BIN)/python tools/revision.py "$(MESSAGE)"

# After a change of texts: the catalogues get the new ones, untranslated. Two domains: what readers see and receive
# (complete in every language), and what editors and operators see (English, and ready for Arabic).
EXTRACT := $(BIN)/pybabel -q extract --no-wrap --add-location=file --sort-by-file --project Broadsheet --version 0.1
UPDATE := $(BIN)/pybabel -q update -d locales --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
texts: .venv/dev
	mkdir -p build
	$(EXTRACT) -F babel.cfg -o build/broadsheet.pot .
	$(EXTRACT) -F babel-console.cfg -o build/console.pot .
	$(UPDATE) -D broadsheet -i build/broadsheet.pot
	$(UPDATE) -D console -i build/console.pot --locale ar --init-missing

golden: .venv/dev
	@$(BIN)/python -m tests.golden
	@git diff --stat -- tests/golden/kept

# Needs Chromium. A part of it: make gallery ARGS="--only weekly"
gallery: .venv/dev
	$(BIN)/python tools/gallery.py $(ARGS)

# Needs Chromium. A part of it: make pictures ARGS="--only /ops"
pictures: .venv/dev
	$(BIN)/python tools/pages.py $(ARGS)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Broadsheet needs Python 3.11 or newer; this is $$($(PYTHON) --version). Say which: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/runtime: requirements/runtime.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ .venv/runtime

clean:
	rm -rf .venv build dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
