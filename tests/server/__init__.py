"""The server around the calls, with OpenTelemetry's real instrumentation and a real SQLite database."""
