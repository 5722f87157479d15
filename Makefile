.PHONY: check test oldest dashboards prices bench soak demo

check: ## format, lint, strict types, tests with branch coverage
	uv run ruff format --check .
	uv run ruff check .
	uv run mypy
	scripts/test --cov

test: ## the tests
	scripts/test

oldest: ## the tests at the lowest supported dependencies
	scripts/oldest

bench: ## prints what the plug-in costs; gates nothing
	uv run python -m benchmarks

soak: ## fifty calls at a time for minutes, while the receiver misbehaves: make soak ARGS="--seed 7 --minutes 5"
	uv run python -m benchmarks.soak $(ARGS)

fleet: ## a thousand processes with a call each, through the gateway of deploy/fleet while it restarts
	uv run python -m benchmarks.fleet $(ARGS)

capacity: ## how many calls one process holds, with a picture: make capacity ARGS="--call my_bot:one_call"
	uv run python -m benchmarks.capacity $(ARGS)

cost: ## series and events of four ways of running, as the tables of GRAFANA_QUICKSTART.md
	uv run python -m benchmarks.cost

dashboards: ## makes again what is generated: dashboard, alert rules, pages of docs/
	uv run python -m voice_metrics.grafana
	uv run python scripts/series.py
	uv run python scripts/default_models.py
	uv run python scripts/promises.py
	REGENERATE=1 uv run pytest -q tests/test_pipecat_versions.py

prices: ## makes the package's price lists anew from genai-prices and voice-prices
	uv run python scripts/price_lists.py

demo: ## one whole call, offline
	scripts/demo
