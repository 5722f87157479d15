"""The Grafana dashboard and the alert rules.

`documents` reads and adapts the data `dashboard.json` and `alerts.yml`. `python -m voice_metrics.grafana` makes both
from the other modules, of which only `layout` and `variables` need `grafana-foundation-sdk`.
"""
