"""Export against a real receiver on loopback that behaves as badly as real ones."""
