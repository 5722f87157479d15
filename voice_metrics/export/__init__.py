"""Export of series: collected, added up, delivered, acknowledged, or kept."""
