"""What differs between Pipecat's versions, observed on the installed one and kept in `docs/pipecat-versions.md`.

`REGENERATE=1 pytest tests/test_pipecat_versions.py` writes the installed version's column.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest
from pipecat.frames import frames
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.observers.base_observer import BaseObserver
from pipecat.utils.base_object import BaseObject

from tests.scripted import DEMO, Script, Tool, Truth, Turn, knows, run_call
from tests.test_placements import told
from voice_metrics.observer import _SET_UP_WITH_FLAGS
from voice_metrics.pipecat.breakdowns import EXPLAINS
from voice_metrics.pipecat.conversation_frames import RESULTS_NAME_ERRORS
from voice_metrics.processor import VoiceMetricsProcessor

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent / "docs" / "pipecat-versions.md"
INSTALLED = version("pipecat-ai")
RAISES = Script(turns=(Turn("please hang up", tools=(Tool("hang_up", outcome="failed", seconds=0.01),)),))
HEAD = """# Pipecat's versions

The numbers of one scripted call on each version, and the measurements that the version reports: five turns of the
caller, two function calls of which one runs out of time, a barge-in, a speech recognition that fails and is switched,
and an end in mid-sentence; and a second call with a function that raises. `tests/test_pipecat_versions.py` writes the
table, and compares it in every run of the tests on the lowest and on the newest version.

"""


def yes(value: bool) -> str:
    return "yes" if value else "no"


def capabilities() -> dict[str, str]:
    """What the installed version can tell."""
    return {
        "time to first audio (TTFA)": yes(knows("TTFAMetricsData")),
        "time to first answer token (TTFAT)": yes(knows("TTFATMetricsData")),
        "seconds of recognised audio": yes(knows("STTUsageMetricsData")),
        "audio tokens": yes("input_audio_tokens" in LLMTokenUsage.model_fields),
        "named parts of a response": yes(EXPLAINS),
        "category of an error": yes(hasattr(frames, "ErrorCategory")),
        "a function's timeout shows as": "its cancellation"
        if "run_llm" in frames.FunctionCallCancelFrame.__dataclass_fields__
        else "an empty result at its deadline",
        "a function's exception shows as": "its result" if RESULTS_NAME_ERRORS else "an error alone",
        "function calls of other workers": yes(hasattr(frames, "ExternalFunctionCallInProgressFrame")),
        "flags are known": "at set-up" if _SET_UP_WITH_FLAGS else "at the StartFrame",
        "an observer sees each frame": "once" if hasattr(BaseObserver, "observe_every_push") else "at every hop",
        "listeners can be removed": yes(hasattr(BaseObject, "remove_event_handler")),
    }


def outcomes(truth: Truth, story: dict[str, object]) -> dict[str, str]:
    """What the scripted call came to."""
    return {
        "demo: inferences": str(story["requests"]),
        "demo: tokens": str(story["total"]),
        # What the bot says before it is cut off, and how much is heard before the call ends, depend on the machine.
        "demo: every character is reported": yes(story["characters"] == truth.characters),
        "demo: every second of audio is reported": "not reported"
        if story["audio_seconds"] is None
        else yes(story["audio_seconds"] == round(truth.audio_seconds, 6)),
        "demo: every latency is reported": yes(story["latencies"] == truth.ttfb.total() + truth.processing.total()),
        "demo: metrics": ", ".join(sorted(name.removesuffix("MetricsData") for name in truth.metrics)),
        "demo: bot turns": ", ".join(f"{count} {outcome}" for outcome, count in sorted(truth.turns.items())),
        "demo: interruptions": str(story["interruptions"]),
        "demo: functions": ", ".join(f"{count} {outcome}" for (_, outcome), count in sorted(truth.functions.items())),
        "demo: errors": ", ".join(f"{count} {category}" for (_, category), count in sorted(truth.errors.items())),
    }


def read(page: Path) -> dict[str, dict[str, str]]:
    """The table: for each version, each row's cell."""
    if not page.exists():
        return {}
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in page.read_text().splitlines()
        if line.startswith("|")
    ]
    (_, *versions), _, *body = rows
    return {name: {row[0]: row[column] for row in body} for column, name in enumerate(versions, 1)}


def written(table: dict[str, dict[str, str]]) -> str:
    versions = sorted(table, key=lambda name: [int(part) for part in name.split(".")])
    names = list(dict.fromkeys(name for each in reversed(versions) for name in table[each]))
    lines = [["", *versions], ["---"] * (len(versions) + 1)]
    lines += [[name, *(table[each].get(name, "") for each in versions)] for name in names]
    return HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)


async def test_the_table_of_versions_is_true() -> None:
    demo, raising = VoiceMetricsProcessor(), VoiceMetricsProcessor()
    truth = await run_call(DEMO, before_output=[demo])
    raised = await run_call(RAISES, before_output=[raising])
    observed = {
        **capabilities(),
        **outcomes(truth, told(demo.summary())),
        "the caller is answered after an exception": yes(len(raised.responses) == 1),
        "exception: functions": ", ".join(f"{n} {name}" for name, n in told(raising.summary())["functions"].items()),
    }
    table = read(PAGE)
    if os.environ.get("REGENERATE"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(written({**table, INSTALLED: observed}))
    elif INSTALLED not in table:
        pytest.skip(f"the table has no column for Pipecat {INSTALLED}")

    assert read(PAGE)[INSTALLED] == observed
