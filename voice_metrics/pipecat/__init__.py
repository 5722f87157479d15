"""Pipecat's side: its frames and pipelines, read into facts and events."""
