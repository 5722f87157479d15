"""Facts of a call as rows of its time line (pure). A refused measurement has no row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from voice_metrics.call.facts import (
    AudioTranscribed,
    Backchannel,
    BotGap,
    CharactersSpoken,
    Fact,
    Failed,
    FalseInterruption,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FunctionSettled,
    Generated,
    Greeted,
    Interrupted,
    Leg,
    LoopHeld,
    Priced,
    Processing,
    Responded,
    ResponsePart,
    SetUp,
    Silence,
    Spoke,
    Switched,
    TextAggregated,
    TokensUsed,
    TurnDetected,
    TurnEnded,
    Unanswered,
    Unpriced,
    Yielded,
)
from voice_metrics.ledger.rows import Row

_LATENCIES = {FirstByte: "ttfb", Processing: "processing", FirstAudio: "ttfa", FirstAnswerToken: "ttfat"}


class Timeline:
    """Facts of one call as rows, built during iteration."""

    def __init__(self, facts: Sequence[tuple[Fact, float]], leg: Callable[[str], Leg]) -> None:
        """Wrap facts with their unix seconds; `leg` maps a processor's class name to its part of the bot."""
        self._facts = facts
        self._leg = leg

    def __iter__(self) -> Iterator[Row]:
        for fact, at in self._facts:
            processor = getattr(fact, "processor", None)
            yield from rows(fact, at, None if processor is None else self._leg(processor))


def rows(fact: Fact, at: float, leg: Leg | None = None) -> tuple[Row, ...]:
    """Return the time line's rows for a fact: one, several for tokens, none for a fact that it leaves out.

    Args:
        fact: The fact.
        at: Unix seconds at which it was known.
        leg: The service's part of the bot, or `None` if the fact concerns no service.
    """
    match fact:
        case FirstByte() | Processing():
            outcome = "interrupted" if fact.interrupted else None
            return (Row(at, _LATENCIES[type(fact)], fact.seconds, leg, fact.processor, fact.model, outcome),)
        case Priced() | TokensUsed() | CharactersSpoken() | AudioTranscribed() | Unpriced():
            return _usage_rows(fact, at, leg)
        case Generated():
            return ()  # its parts have rows
        case SetUp():
            return (Row(at, "set_up", fact.seconds, leg, fact.processor, fact.model),)
        case FirstAudio() | FirstAnswerToken():
            return (Row(at, _LATENCIES[type(fact)], fact.seconds, leg, fact.processor, fact.model),)
        case TextAggregated(processor, seconds):
            return (Row(at, "text_aggregation", seconds, leg, processor),)
        case TurnDetected(processor, seconds, complete):
            return (Row(at, "turn_detection", seconds, leg, processor, None, "complete" if complete else "incomplete"),)
        case _:
            return _conversation_rows(fact, at)


def _usage_rows(
    fact: TokensUsed | AudioTranscribed | CharactersSpoken | Priced | Unpriced, at: float, leg: Leg | None
) -> tuple[Row, ...]:
    match fact:
        case Priced():
            return (Row(at, "cost_usd", float(fact.usd), fact.leg, fact.processor, fact.model),)
        case TokensUsed():
            counts = (
                ("prompt_tokens", fact.prompt),
                ("completion_tokens", fact.completion),
                ("cache_read_tokens", fact.cache_read),
                ("cache_creation_tokens", fact.cache_creation),
                ("reasoning_tokens", fact.reasoning),
            )
            of = (leg, fact.processor, fact.model)
            return tuple([Row(at, kind, count, *of) for kind, count in counts if count is not None])
        case AudioTranscribed(processor, model, seconds):
            return (Row(at, "audio_seconds", seconds, leg, processor, model),)
        case CharactersSpoken(processor, model, characters):
            return (Row(at, "characters", characters, leg, processor, model),)
        case Unpriced():
            return (Row(at, "unpriced", None, fact.leg, fact.processor, fact.model),)


def _conversation_rows(fact: Fact, at: float) -> tuple[Row, ...]:
    match fact:
        case Responded(seconds):
            return (Row(at, "response", seconds),)
        case ResponsePart(part, seconds):
            return (Row(at, "response_part", seconds, name=part),)
        case TurnEnded(outcome, seconds):
            return (Row(at, "turn", seconds, outcome=outcome),)
        case Greeted() | Spoke() | Silence() | Yielded() | FalseInterruption() | Backchannel() | BotGap():
            return (_speech_row(fact, at),)
        case Unanswered(cause):
            return (Row(at, "unanswered", outcome=cause),)
        case Interrupted():
            return (Row(at, "interruption"),)
        case FunctionSettled(function, outcome, seconds):
            return (Row(at, "function_call", seconds, name=function, outcome=outcome),)
        case Failed(processor, category):
            return (Row(at, "error", name=processor, outcome=category),)
        case LoopHeld(seconds, function):
            return (Row(at, "loop_stall", seconds, name=function),)
        case Switched(leg, previous, now):
            return (Row(at, "switch", None, leg, previous, None, now),)
        case _:
            return ()


def _speech_row(fact: Greeted | Spoke | Silence | Yielded | FalseInterruption | Backchannel | BotGap, at: float) -> Row:
    match fact:
        case Greeted(seconds):
            return Row(at, "greeting", seconds)
        case Spoke(holder, seconds, ended_ago):
            return Row(at - ended_ago, "speech", seconds, name=holder)
        case Silence(after, seconds, ended_ago):
            return Row(at - ended_ago, "silence", seconds, outcome=after)
        case Yielded(seconds):
            return Row(at, "interruption_stop", seconds)
        case FalseInterruption():
            return Row(at, "false_interruption")
        case Backchannel():
            return Row(at, "backchannel")
        case BotGap(cause, seconds):
            return Row(at, "bot_gap", seconds, outcome=cause)
