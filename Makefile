.PHONY: check test oldest bench demo

check: ## what CI runs: format, lint, strict types, tests with branch coverage
	uv run ruff format --check .
	uv run ruff check .
	uv run mypy
	uv run coverage run -m pytest
	uv run coverage report

test: ## the tests
	scripts/test

oldest: ## the tests at the lowest supported dependencies
	scripts/oldest

bench: ## prints what the plug-in costs; gates nothing
	uv run python -m benchmarks

demo: ## one whole call, offline
	scripts/demo
