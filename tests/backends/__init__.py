"""Tests against the real Prometheus, promtool, Alertmanager, vmagent and VictoriaMetrics."""
