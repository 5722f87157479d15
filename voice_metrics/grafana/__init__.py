"""The Grafana dashboard and the alert rules.

`dashboard.json` and `alerts.yml` lie here as data; `documents` reads and adapts them. They are made by
`python -m voice_metrics.grafana` from `queries`, `panels`, `variables` and `layout`, of which only `layout` and
`variables` need `grafana-foundation-sdk`.
"""
