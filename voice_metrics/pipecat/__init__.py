"""Pipecat's frames and pipelines, read into facts and events."""
