"""A restaurant's phone assistant, measured: Gladia hears, OpenAI thinks, Cartesia speaks, voice_metrics counts.

uv run bot.py                     with keys in .env: a bot for your browser; without: the demo
uv run bot.py --demo              the demo: one whole call, offline, with a caller of its own
uv run bot.py --demo --browser    you are the caller, at http://localhost:7860/call
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import demo.first  # noqa: F401

# isort: split
from dotenv import load_dotenv
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.runner.types import RunnerArguments
from pipecat.runner.utils import create_transport
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.gladia.stt import GladiaSTTService
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.workers.runner import WorkerRunner

from voice_metrics import MetricsLogger, VoiceMetricsProcessor, duration, outcome, record_metric
from voice_metrics.retrieval import Webhook

load_dotenv()

KEYS = ("GLADIA_API_KEY", "OPENAI_API_KEY", "CARTESIA_API_KEY")
INSTRUCTION = (
    "You are the phone assistant of Harbour Pizza. You are open from noon until eleven, and you book tables. "
    "Your answers are spoken aloud: be brief, and use no formatting and no symbols."
)


async def book_table(params: FunctionCallParams, day: str, time: str, people: int) -> None:
    """Book a table, or change the booking.

    Args:
        params: The function call.
        day: Day of the week.
        time: Time of day.
        people: How many people will come.
    """
    async with duration(Webhook.TIME):
        await asyncio.sleep(0.2)  # a real bot would call the restaurant's system here
    record_metric(Webhook.DELIVERIES, 1, outcome="delivered")
    outcome("booked", success=True)
    await params.result_callback({"booked": True, "day": day, "time": time, "people": people})


async def run_bot(transport: BaseTransport, runner_args: RunnerArguments) -> None:
    """Hold one call.

    Args:
        transport: The caller's line.
        runner_args: How the runner wants the call to be run.
    """
    stt = GladiaSTTService(
        api_key=os.environ["GLADIA_API_KEY"],
        region=os.getenv("GLADIA_REGION"),
        url=os.getenv("GLADIA_URL", "https://api.gladia.io/v2/live"),
        settings=GladiaSTTService.Settings(model=os.getenv("GLADIA_MODEL", "solaria-1")),
    )
    llm = OpenAILLMService(
        api_key=os.environ["OPENAI_API_KEY"],
        base_url=os.getenv("OPENAI_BASE_URL"),
        settings=OpenAILLMService.Settings(model=os.getenv("OPENAI_MODEL", "gpt-4.1"), system_instruction=INSTRUCTION),
    )
    tts = CartesiaTTSService(
        api_key=os.environ["CARTESIA_API_KEY"],
        url=os.getenv("CARTESIA_URL", "wss://api.cartesia.ai/tts/websocket"),
        stop_frame_timeout_s=10.0,  # a voice that pauses for longer than this loses the rest of its answer
        settings=CartesiaTTSService.Settings(
            model=os.getenv("CARTESIA_MODEL", "sonic-3.6"),
            voice=os.getenv("CARTESIA_VOICE_ID", "86e30c1d-714b-4074-a1f2-1cb6b552fb49"),
        ),
    )
    context = LLMContext(tools=[book_table])
    user_aggregator, assistant_aggregator = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    metrics_logger = MetricsLogger()
    voice_metrics = VoiceMetricsProcessor(attributes={"line": os.getenv("BOT_LINE", "main")})

    pipeline = Pipeline(
        [
            transport.input(),
            stt,
            user_aggregator,
            llm,
            tts,
            metrics_logger,
            voice_metrics,
            transport.output(),
            assistant_aggregator,
        ]
    )
    worker = PipelineWorker(pipeline, params=PipelineParams(enable_metrics=True, enable_usage_metrics=True))
    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint, handle_sigterm=runner_args.handle_sigterm)
    await runner.add_workers(worker)

    @worker.rtvi.event_handler("on_client_ready")
    async def on_client_ready(rtvi: object) -> None:
        context.add_message({"role": "developer", "content": "Start by concisely introducing yourself."})
        await worker.queue_frames([LLMRunFrame()])

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(transport: BaseTransport, client: object) -> None:
        await worker.stop_when_done()

    await runner.run()


async def bot(runner_args: RunnerArguments) -> None:
    """Answer one caller; Pipecat's runner starts it, here and on Pipecat Cloud.

    Args:
        runner_args: The caller's connection.
    """
    params = {"webrtc": lambda: TransportParams(audio_in_enabled=True, audio_out_enabled=True)}
    await run_bot(await create_transport(runner_args, params), runner_args)


def main() -> int:
    """Wait for a browser; without keys or with `--demo`, hold the demo's call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", action="store_true", help="offline, even with keys")
    parser.add_argument("--browser", action="store_true", help="with --demo: you are the caller")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the demo's metrics frames as JSON lines")
    arguments, _ = parser.parse_known_args()
    missing = [key for key in KEYS if not os.getenv(key)]
    if missing and not arguments.demo:
        print(f"Not set: {', '.join(missing)}. This is the demo, which needs no key.", flush=True)
    offline = bool(arguments.demo or missing)
    if offline and not arguments.browser:
        from demo.offline_call import hold_call

        return hold_call(bot, record=arguments.record)
    from demo.page import wait_for_browsers

    return wait_for_browsers(parser, offline=offline)


if __name__ == "__main__":
    sys.exit(main())
