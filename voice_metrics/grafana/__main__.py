"""Makes `dashboard.json` and `alerts.yml` anew: `python -m voice_metrics.grafana`."""

from .alerts import Thresholds, render
from .documents import ALERTS, DASHBOARD
from .layout import dashboard_json

DASHBOARD.write_text(dashboard_json(), encoding="utf-8")
ALERTS.write_text(render(Thresholds()), encoding="utf-8")
