"""Each promise of the documentation names tests that exist."""

from __future__ import annotations

import pytest
import write_promises

PROMISES = [promise for promises in write_promises.PROMISES.values() for promise in promises]


@pytest.fixture(scope="module")
def homes() -> dict[str, list[str]]:
    return write_promises.homes()


def test_the_page_is_current(homes: dict[str, list[str]]):
    assert write_promises.page(homes) == write_promises.PAGE.read_text("utf-8"), "run python scripts/write_promises.py"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[0])
def test_a_promise_is_held_by_tests_that_exist_once(promise: tuple[str, ...], homes: dict[str, list[str]]):
    words, *tests = promise
    assert words.endswith(".")
    assert tests
    assert {test: len(homes.get(test, [])) for test in tests} == dict.fromkeys(tests, 1)


def test_no_promise_is_made_twice():
    words = [promise[0] for promise in PROMISES]
    assert len(words) == len(set(words))
