"""The way of series out of the process: collected, added up, delivered, acknowledged, or kept."""
