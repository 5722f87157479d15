"""The OpenTelemetry Collector, a Prometheus with its OTLP receiver, and VictoriaLogs: real, with what deploy/ ships."""
