"""`voice-metrics calls`: what it prints, to the letter."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.ledger.summaries import NOON, summary
from tests.waiting import flush
from voice_metrics.ledger import Ledger, Row

MODELS = "gpt-4.1, nova-3, sonic-2"
CUT = {"count": 0, "interrupted": 2, "by_service": {"llm": {"count": 0, "interrupted": 2}}}
_HEAD = (
    "call",
    "started (local)",
    "length",
    "end",
    "worst",
    "turns",
    "tokens",
    "characters",
    "cost",
    "series",
    "models",
)
TABLE = [
    _HEAD,
    ("cccc-3", "2026-11-22 14:00:00", "1.3 s", "cancelled", *"–––––", "local only", "qwen3"),
    (
        "aabb-2",
        "2026-11-22 13:00:00",
        "1 h 02 min",
        "error",
        "4000 ms",
        "4",
        "1280",
        "300",
        "$0.0160",
        "pending",
        MODELS,
    ),
    (
        "aaaa-1",
        "2026-11-22 12:00:00",
        "1 min 00 s",
        "completed",
        "900 ms",
        "4",
        "1280",
        "300",
        "$0.0160",
        "delivered",
        MODELS,
    ),
]
ONE = """\
Call aaaa-1
started         2026-11-22 12:00:00+00:00, 1 min 00 s
end             completed
series          acknowledged by the server
models          LLM gpt-4.1, STT nova-3, TTS sonic-2
LLM tokens      1280 = 1200 prompt + 80 completion
TTS characters  300
STT audio       58.5 s
response        avg 700, min 500, p50 700, p95 880, max 900 ms (2x)
TTFB            none measured
processing      none measured
turns           3 completed, 1 interrupted; 1 interruption
function calls  none
errors          0
cost            $0.0160 (LLM $0.0040, STT $0.0030, TTS $0.0090)

 after  what           value  service  name                      detail
1.50 s  ttfb          310 ms  llm      OpenAILLMService gpt-4.1
1.50 s  tokens          1280  llm      OpenAILLMService gpt-4.1  1200 prompt, 80 completion
2.00 s  response      900 ms                                     llm inference 310, pipeline 590 ms
4.25 s  turn           2.3 s                                     completed
5.00 s  error                          CartesiaTTSService        network
"""


def squeezed(text: str) -> list[list[str]]:
    """Lines as words: how far apart columns stand is the table's affair."""
    return [line.split() for line in text.splitlines()]


def test_calls_in_a_pipe_are_whole_and_without_colour(run: Run, calls: Path) -> None:
    done = run("calls")
    assert (done.returncode, done.stderr) == (0, "")
    assert [tuple(re.split(" {2,}", line)) for line in done.stdout.splitlines()] == TABLE
    assert "\x1b" not in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


def test_the_table_shows_what_calls_achieved_where_one_says_so(run: Run, environment: dict[str, str]) -> None:
    said = (("booked", True), ("no_table", False), ("voicemail", None), (None, None))
    with closing(Ledger(Path(environment["VOICE_METRICS_DB"]))) as ledger:
        for number, (outcome, success) in enumerate(said):
            ledger.call_started(f"call-{number}", NOON + timedelta(hours=number), {})
            ledger.call_ended(f"call-{number}", summary(f"call-{number}", outcome=outcome, success=success), "ended")
    head, *lines = [re.split(" {2,}", line) for line in run("calls").stdout.splitlines()]
    place = head.index("outcome")
    assert [line[place] for line in lines] == ["–", "voicemail", "no_table, no success", "booked, success"]
    assert ["outcome", "no_table,", "no", "success"] in squeezed(run("calls", "call-1").stdout)
    assert [(call["outcome"], call["success"]) for call in json.loads(run("calls", "--json").stdout)] == [*said[::-1]]


def test_one_call_in_full(run: Run, calls: Path) -> None:
    done = run("calls", "aaa")
    assert (done.returncode, done.stderr) == (0, "")
    assert squeezed(done.stdout) == squeezed(ONE)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({"ended_by": "caller"}, "end completed by caller", id="completed-by-the-caller"),
        pytest.param({"ended_by": "unknown"}, "end completed", id="by-an-unknown-party"),
        pytest.param({"end_reason": "error", "ended_by": "error"}, "end error", id="an-error-is-said-once"),
        pytest.param({"switches": 2}, "switches 2 to another service", id="switches"),
        pytest.param({"dropped": 3}, "dropped 3", id="refused-measurements"),
        pytest.param({"ttfb": CUT}, "LLM none measured, 2 interrupted left out", id="interrupted-requests-alone"),
        pytest.param({"trace_id": "0af7651916cd43dd"}, "trace 0af7651916cd43dd", id="trace"),
    ],
)
def test_what_happened_in_a_call_has_its_line(
    run: Run, environment: dict[str, str], changes: dict[str, object], line: str
) -> None:
    with closing(Ledger(Path(environment["VOICE_METRICS_DB"]))) as ledger:
        ledger.call_started("a-call", NOON, {})
        ledger.call_ended("a-call", summary("a-call", **changes), "ended")
    assert line.split() in squeezed(run("calls", "a-call").stdout)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["--limit", "1"], ["cccc-3"], id="limit"),
        pytest.param(["--since", "2026-11-22T13:00:00"], ["cccc-3", "aabb-2"], id="since"),
        pytest.param(["--until", "2026-11-22T13:00:00Z"], ["aaaa-1"], id="until"),
        pytest.param(["--model", "sonic"], ["aabb-2", "aaaa-1"], id="model"),
        pytest.param(["--end-reason", "error"], ["aabb-2"], id="end-reason"),
        pytest.param(["--slower-than", "900"], ["aabb-2"], id="slower-than"),
        pytest.param(["--cost-over", "0.01"], ["aabb-2", "aaaa-1"], id="cost-over"),
        pytest.param(["--state", "delivered"], ["aaaa-1"], id="state"),
        pytest.param(["--model", "nothing"], [], id="none-of-them"),
    ],
)
def test_filters(run: Run, calls: Path, arguments: list[str], expected: list[str]) -> None:
    done = run("calls", "--json", *arguments)
    assert [call["call_id"] for call in json.loads(done.stdout)] == expected


def test_calls_in_which_something_went_wrong(run: Run, calls: Path) -> None:
    ledger = Ledger(calls)
    at = NOON.timestamp() + 9
    ledger.add("aaaa-1", [Row(at, "unanswered", outcome="caller_resumed")])
    ledger.add("aabb-2", [Row(at, "unanswered", outcome="no_answer")])
    ledger.call_ended("cccc-3", summary("cccc-3", errors=1), "ended")
    flush(ledger)
    ledger.close()

    found = {what: json.loads(run("calls", "--json", "--with", what).stdout) for what in ("errors", "unanswered")}

    assert {what: [call["call_id"] for call in calls] for what, calls in found.items()} == {
        "errors": ["cccc-3"],
        "unanswered": ["aabb-2"],
    }


def test_json_and_csv_have_the_same_values(run: Run, calls: Path) -> None:
    objects = json.loads(run("calls", "--json").stdout)
    lines = list(csv.DictReader(io.StringIO(run("calls", "--csv").stdout)))
    assert [{key: "" if value is None else str(value) for key, value in call.items()} for call in objects] == lines
    assert {key: value for key, value in objects[1].items() if key != "updated_at"} == {
        "call_id": "aabb-2",
        "state": "pending",
        "started_at": "2026-11-22T13:00:00.000Z",
        "duration_seconds": 3725.0,
        "end_reason": "error",
        "llm_model": "gpt-4.1",
        "stt_model": "nova-3",
        "tts_model": "sonic-2",
        "worst_response_ms": 4000.4,
        "turns": 4,
        "interruptions": 1,
        "errors": 0,
        "prompt_tokens": 1200,
        "completion_tokens": 80,
        "characters": 300,
        "audio_seconds": 58.5,
        "cost_usd": 0.016,
        "exported": True,
        "outcome": None,
        "success": None,
        "key": "aabb-2",
        "series": "pending",
    }


def test_a_name_from_a_call_is_no_formula_in_a_spreadsheet(run: Run, environment: dict[str, str]) -> None:
    ledger = Ledger(Path(environment["VOICE_METRICS_DB"]))
    names = ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(1)", "a=1"]
    for name in names:
        ledger.call_started(name, NOON, summary(name, models={"llm": name, "stt": name, "tts": name}))
    ledger.close()
    lines = list(csv.DictReader(io.StringIO(run("calls", "--csv").stdout)))
    assert {line["call_id"] for line in lines} == {f"'{name}" for name in names[:4]} | {"a=1"}
    assert not [cell for line in lines for cell in line.values() if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("more", "word", "words"),
    [
        pytest.param({"exported": None}, "local only", "local only", id="no endpoint"),
        pytest.param({"exported": False}, "refused", "refused by the server for good", id="refused"),
        pytest.param({"exported": None, "end_reason": "unknown"}, "unknown", "is not known", id="killed"),
    ],
)
def test_of_series_it_says_what_is_known(
    run: Run, environment: dict[str, str], more: dict[str, object], word: str, words: str
) -> None:
    ledger = Ledger(Path(environment["VOICE_METRICS_DB"]))
    ledger.call_started("a", NOON, {})
    ledger.call_ended("a", summary("a", **more), "ended")
    flush(ledger)
    ledger.close()
    assert re.split(" {2,}", run("calls").stdout.splitlines()[1])[9] == word
    assert words in next(line for line in run("calls", "a").stdout.splitlines() if line.startswith("series"))


def test_a_limit_beyond_all_numbers_shows_all(run: Run, calls: Path) -> None:
    done = run("calls", "--json", "--limit", "9" * 30)
    assert len(json.loads(done.stdout)) == 3


def test_one_call_as_json_has_summary_and_time_line(run: Run, calls: Path) -> None:
    found = json.loads(run("calls", "aaaa-1", "--json").stdout)
    assert (found["state"], found["summary"]["llm"]["prompt_tokens"]) == ("delivered", 1200)
    assert found["timeline"][0] == {
        "at": "2026-11-22T12:00:01.500Z",
        "kind": "ttfb",
        "value": 0.31,
        "service": "llm",
        "name": "OpenAILLMService",
        "model": "gpt-4.1",
        "outcome": None,
    }


def test_a_table_that_is_cut_says_so(run: Run, calls: Path) -> None:
    assert run("calls", "--limit", "2").stdout.splitlines()[-1] == "2 of 3 calls; --limit 3 shows all."


def test_no_calls_is_not_an_error(run: Run, calls: Path) -> None:
    done = run("calls", "--model", "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No calls.\n", "")
    done = run("calls", "--model", "\udc80")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No calls.\n", "")


def test_an_unpriced_call_names_its_model(run: Run, calls: Path) -> None:
    assert ["cost", "–;", "no", "price", "for", "qwen3"] in squeezed(run("calls", "cccc-3").stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        pytest.param(["calls", "zzz"], 1, "no call's id begins with 'zzz'", id="unknown-call"),
        pytest.param(["calls", "\udc80"], 1, "no call's id begins with '□'", id="no-text"),
        pytest.param(["calls", "aa"], 1, "several calls' ids begin with 'aa': aabb-2, aaaa-1", id="ambiguous-call"),
        pytest.param(
            ["calls", "--since", "soon"],
            2,
            "Invalid value: --since 'soon': expected a time such as 2026-11-22, 2026-11-22T13:05, today, 2h or 7d "
            "(see voice-metrics calls --help)",
            id="no-time",
        ),
        pytest.param(
            ["calls", "--json", "--csv"],
            2,
            "Invalid value: --json and --csv exclude each other (see voice-metrics calls --help)",
            id="two-formats",
        ),
        pytest.param(
            ["resend", "--since", "2d"],
            2,
            "Invalid value: --since is for --local; what waits is sent whole (see voice-metrics resend --help)",
            id="an-option-of-another",
        ),
        pytest.param(
            ["prices", "--check", "gpt-4.1"],
            2,
            "Invalid value: --check is for the models of the last calls; name no model with it "
            "(see voice-metrics prices --help)",
            id="a-model-that-is-not-asked-for",
        ),
        pytest.param(["cals"], 2, "No such command 'cals'. (see voice-metrics --help)", id="unknown-command"),
    ],
)
def test_errors_are_one_line(run: Run, calls: Path, arguments: list[str], status: int, error: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"voice-metrics: {error}\n")


def test_a_ledger_that_is_not_there_is_one_line(run: Run, environment: dict[str, str]) -> None:
    done = run("calls")
    path = environment["VOICE_METRICS_DB"]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"voice-metrics: {path} does not exist: it is made when the first call starts\n"
    done = run("calls", VOICE_METRICS_DB="off")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "voice-metrics: VOICE_METRICS_DB='off': there is no record of calls; expected a file to look in\n"
    )


def test_the_key_distinguishes_two_calls_of_one_id(run: Run, environment: dict[str, str]) -> None:
    ledger = Ledger(Path(environment["VOICE_METRICS_DB"]))
    for key in ("first", "second"):
        ledger.call_started(key, NOON, summary("sip-1", errors=len(key)))
    ledger.close()
    for call in json.loads(run("calls", "--json").stdout):
        told = json.loads(run("calls", call["key"], "--json").stdout)
        assert (told["key"], told["summary"]["errors"]) == (call["key"], len(call["key"]))
    assert run("calls", "third").stderr == "voice-metrics: no call's id begins with 'third'\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("aaaa-1", "--since", "today"),
        ("aaaa-1", "--model", "gpt"),
        ("aaaa-1", "--slower-than", "100"),
        ("--slower-than", "nan"),
        ("--cost-over", "inf"),
    ],
)
def test_an_option_that_cannot_choose_calls_is_a_usage_error(run: Run, calls: Path, arguments: tuple[str, ...]) -> None:
    done = run("calls", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "are for the list" in done.stderr or "expected a finite number" in done.stderr
