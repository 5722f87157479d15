"""Writes `dashboard.json` and `alerts.yml`: `python -m voice_metrics.grafana`."""

from voice_metrics.grafana.documents import ALERTS, DASHBOARD
from voice_metrics.grafana.layout import dashboard_json
from voice_metrics.grafana.threshold_alerts import Thresholds, render

DASHBOARD.write_text(dashboard_json(), encoding="utf-8")
ALERTS.write_text(render(Thresholds()), encoding="utf-8")
