.PHONY: check quick test oldest pythons beside dashboards prices bench soak fleet capacity cost demo

check: ## format, lint, strict types, tests with branch coverage; without the packages and tests of the demo
	scripts/dev ruff format --check .
	scripts/dev ruff check .
	scripts/dev mypy
	scripts/dev pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --cov --ignore tests/demo

quick: ## lint, and the tests that are not marked as slow: half a minute to a minute
	scripts/quick

test: ## the tests
	scripts/test

oldest: ## the tests at the lowest supported dependencies
	scripts/oldest

pythons: ## the tests on each newer Python of this machine
	scripts/pythons

beside: ## resolves the plug-in together with other packages that use OpenTelemetry, and prints the versions
	scripts/resolve-beside

bench: ## measures the plug-in's cost and prints it; never fails
	scripts/dev python -m benchmarks

soak: ## fifty calls at a time for minutes, while the receiver misbehaves: make soak ARGS="--seed 7 --minutes 5"
	scripts/dev python -m benchmarks.soak $(ARGS)

fleet: ## a thousand processes with a call each, through the gateway of deploy/fleet while it restarts
	scripts/dev python -m tests.backends_otlp.fleet $(ARGS)

capacity: ## the number of calls that one process holds, with a picture: make capacity ARGS="--call my_bot:one_call"
	scripts/dev python -m benchmarks.capacity $(ARGS)

cost: ## series and events of four ways of running, for the tables of GRAFANA_QUICKSTART.md
	scripts/dev python -m tests.backends_otlp.cost

dashboards: ## writes the generated files: dashboard, alert rules, pages of docs/
	scripts/dev python -m voice_metrics.grafana
	scripts/dev python scripts/write_series.py
	scripts/dev python scripts/default_models.py
	scripts/dev python scripts/write_promises.py
	REGENERATE=1 scripts/dev pytest -q tests/test_pipecat_versions.py

prices: ## makes the package's price lists anew from genai-prices and voice-prices
	scripts/dev python scripts/write_price_lists.py

demo: ## one whole call, offline
	scripts/demo
