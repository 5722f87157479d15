import pytest

from voice_metrics.prices import PriceBook


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return PriceBook()
