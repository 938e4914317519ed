# The habits of the house. `make demo` and `make test` need nothing but Python 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# What every night and its server import is compiled once when the house is set up (of all packages it is a small part).
STARTS := import flows.nightly, flows.cli, prefect.server.api.server, tests.warm

export PREFECT_SERVER_ANALYTICS_ENABLED = false
export GX_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1

.PHONY: demo test long lint typecheck imports format check bench e2e serve deploy lock clean

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "$(STARTS)"
	touch $(READY)

demo: $(READY)
	$(BIN)/weisu demo

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not e2e and not bench and not long"

long: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long

lint: $(READY)
	$(BIN)/ruff check .

format: $(READY)
	$(BIN)/ruff check --fix .

typecheck: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

check: lint typecheck imports test

bench: $(READY)
	$(BIN)/python -m benchmarks

e2e: $(READY)
	$(BIN)/python -m pytest -m e2e

serve: $(READY)
	$(BIN)/prefect server start

deploy: $(READY)
	$(BIN)/prefect work-pool create --type process --overwrite weisu
	$(BIN)/prefect --no-prompt deploy --all
	test -z "$$WEISU_ALARM_URL" || $(BIN)/weisu alarm deploy

lock:
	uv pip compile --universal --generate-hashes --python-version 3.11 --extra dev --extra scale --no-header --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
