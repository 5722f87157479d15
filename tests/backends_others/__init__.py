"""Other back ends than an OTLP endpoint with a token, each with the real thing or its real client library."""
