"""`python -m voice_metrics` is `voice-metrics`."""

from voice_metrics.cli import main

if __name__ == "__main__":
    main()
