"""What happens in a scripted call, and what is true of it afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model calls before it answers.

    Parameters:
        name: Name of the function.
        seconds: How long it runs.
        outcome: How it ends: completed, failed or timed_out (its deadline is then half of `seconds`).
    """

    name: str
    seconds: float = 0.05
    outcome: str = "completed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller and the bot's answer to it.

    Parameters:
        says: What the caller says, different in each turn.
        reply: The bot's sentences.
        pieces: Into how many pieces, with pauses between them, the caller's turn falls.
        tools: Functions that the model calls first, all at once.
        barges_in: Whether the caller speaks while the bot still speaks the reply before, which waits for that.
        resumes: Whether the caller goes on while the model is still thinking about the turn before.
        think_seconds: How long the model takes before its first output.
        recognition_fails: Whether the active speech recognition fails for good as the turn begins.
    """

    says: str
    reply: tuple[str, ...] = ("All right, noted.",)
    pieces: int = 1
    tools: tuple[Tool, ...] = ()
    barges_in: bool = False
    resumes: bool = False
    think_seconds: float = 0.04
    recognition_fails: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A whole call.

    Parameters:
        turns: The caller's turns, in order.
        greeting: What the bot says first, unasked; nothing if empty.
        farewell: What the bot says as the call ends, queued together with the end; nothing if empty.
        ending: "end", "cancel", or "cancel mid-sentence", while the bot speaks its last reply.
        sentence_seconds: Length of a spoken sentence.
        synthesis_seconds: How long a sentence takes to be made.
        stop_seconds: How long the caller is silent before the voice activity detector says so.
        turns_start_from: "voice" activity, or the "transcript" alone.
        late: Sentences whose audio comes late, with how long they take to be made, in seconds.
        lost: Sentences whose audio never comes.
        chunk_seconds: What the output transport hands over at once; a chunk in hand is heard whatever happens.
        voice_activity: Whether there is a voice activity detector; if not, turns come from outside.
        tracks: Names of the output transport's further tracks.
    """

    turns: tuple[Turn, ...]
    greeting: str = ""
    farewell: str = ""
    ending: str = "end"
    sentence_seconds: float = 0.2
    synthesis_seconds: float = 0.03
    stop_seconds: float = 0.05
    voice_activity: bool = True
    turns_start_from: str = "voice"
    late: Mapping[str, float] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    chunk_seconds: float = 0.04
    tracks: tuple[str, ...] = ()


@dataclass
class Truth:
    """What happened in a call, counted where it happened.

    Parameters:
        prompt_tokens: Reported by the models, gross.
        completion_tokens: Reported by the models.
        cache_read_tokens: Part of the prompt tokens.
        inferences: Requests to the models that were answered.
        characters: Sent to speech synthesis.
        audio_seconds: Audio that speech recognition heard.
        ttfb: Latencies reported, by class of the service, those cut by an interruption included.
        processing: The same for processing times.
        cut: Measurements of `ttfb` and `processing` together that an interruption cut.
        metrics: All items of all MetricsFrames, by class, but for the initial zeros.
        responses: The waits of the caller for the bot's first audio, in seconds.
        turns: Bot turns, by outcome.
        interruptions: Times the caller cut the bot off.
        interruption_frames: InterruptionFrames that passed downstream.
        functions: Function calls by name and outcome.
        errors: Errors by class of the processor and category.
        user_turns: Turns of the caller.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    inferences: int = 0
    characters: int = 0
    audio_seconds: float = 0.0
    ttfb: Counter[str] = field(default_factory=Counter)
    processing: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    metrics: Counter[str] = field(default_factory=Counter)
    responses: list[float] = field(default_factory=list)
    turns: Counter[str] = field(default_factory=Counter)
    interruptions: int = 0
    interruption_frames: int = 0
    functions: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    user_turns: int = 0


DEMO = Script(
    greeting="Hello, how can I help you?",
    turns=(
        Turn("I would like to book a table", pieces=2),
        Turn(
            "for four people tonight",
            tools=(Tool("find_table"),),
            reply=("There is one at nine.", "It is by the window.", "Shall I book it?"),
        ),
        Turn("no wait", barges_in=True, reply=("Of course.", "What would you like instead?")),
        Turn("tomorrow at eight", tools=(Tool("slow_search", seconds=0.4, outcome="timed_out"),)),
        Turn("thank you", recognition_fails=True, reply=("You are welcome.", "See you tomorrow.", "Goodbye.")),
    ),
    ending="cancel mid-sentence",
)
SHORT = Script(turns=(Turn("hello there"),))
