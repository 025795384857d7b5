# Needs Python 3.11 or later, git, make and a package index; everything else goes into .venv.
#   make PYTHON=/path/to/python ...   chooses the interpreter that .venv is made with

.DEFAULT_GOAL := help
VENV := .venv
RUN := $(VENV)/bin/python
EXTRAS ?= examples,test
PYTEST_ARGS ?=
# tests/conftest.py says how many at once; a worker that is done takes from another's rest.
AT_ONCE := -n auto --dist worksteal
export PYTHON
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help demo test quick lint style layers types wheel-test postgres cluster browser pictures prove bench clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

demo:  ## crawl and moderate a site on loopback, be killed in the middle, resume, report
	@tools/environment.sh $(VENV) examples
	@$(RUN) -m examples.content_moderation.demo

test:  ## every test except the long numbers (PYTEST_ARGS="tests/store -x" for some of them)
	@tools/environment.sh $(VENV) $(EXTRAS)
	@$(RUN) -m pytest $(AT_ONCE) $(PYTEST_ARGS)

quick:  ## the tests that take no time: most of them, in a fifth of it
	@tools/environment.sh $(VENV) $(EXTRAS)
	@$(RUN) -m pytest $(AT_ONCE) -m "not slow and not prove and not wheel and not postgres and not cluster" $(PYTEST_ARGS)

lint: style layers types  ## the next three

style:  ## rules and format of the code (ruff)
	@tools/environment.sh $(VENV) dev
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

layers:  ## imports point down (import-linter)
	@tools/environment.sh $(VENV) dev
	@lint-imports --no-logo --no-cache

types:  ## strict types of the package and of its typing tests (pyright)
	@tools/environment.sh $(VENV) dev
	@pyright --project pyproject.toml

wheel-test:  ## build the wheel, install it in a clean environment, run, kill and resume a workflow
	@tools/environment.sh $(VENV) dev
	@$(RUN) -m pytest tests/wheel -m wheel

postgres: AT_ONCE := -n 2 --dist worksteal
postgres:  ## what needs a PostgreSQL, on one that it starts (PODIUM_TEST_PG=/usr/lib/postgresql/15/bin for another)
	@tools/environment.sh $(VENV) $(EXTRAS)
	@$(RUN) -m pytest -m postgres $(AT_ONCE) $(PYTEST_ARGS)

cluster:  ## tasks on clusters of Dask and Ray, which it starts
	@tools/environment.sh $(VENV) examples,test,dask,ray
	@$(RUN) -m pytest tests/cluster -m cluster $(PYTEST_ARGS)

browser:  ## the dashboard in a real Chromium (apt-get install chromium, or PODIUM_CHROMIUM=/path)
	@tools/environment.sh $(VENV) browser
	@$(RUN) -m pytest tests/browser -m browser $(PYTEST_ARGS)

pictures:  ## the dashboard's pictures in docs/pictures, made anew
	@tools/environment.sh $(VENV) browser
	@$(RUN) -m tools.pictures

prove:  ## the long numbers, written to docs/proof.md (hours)
	@tools/environment.sh $(VENV) examples,test,classifier
	@$(RUN) tools/prove.py

bench:  ## Podium, dbos and unhinged side by side, with ratios, written to docs/benchmarks.md
	@tools/environment.sh $(VENV) examples,test
	@$(RUN) -m bench.compare --write docs/benchmarks.md

clean:  ## remove environments, builds and caches
	@rm -rf $(VENV) .tools build dist .pytest_cache .ruff_cache .hypothesis
