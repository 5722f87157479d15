"""Points the bot's three services at the stand-in.

The bot reads keys, addresses and model names from its environment, so the demo runs the same bot as production.
"""

from collections.abc import MutableMapping
from pathlib import Path

from demo.child import Child
from demo.demo_error import DemoError
from demo.first import OFFLINE, missing

# Logged before a silent wait.
LOADING = "loading the speech models..."

# Long enough to load the models from disk with a cold cache.
START_SECONDS = 180.0
_PRICES = Path(__file__).with_name("demo-prices.toml")


def stand_in(engine: str = "real") -> Child:
    """Make the process that stands in for Gladia, OpenAI and Cartesia.

    Args:
        engine: `real` for Moonshine and Piper, `canned` for neither.

    Raises:
        DemoError: A package of the demo is missing.
    """
    if engine == "real" and (problem := missing(OFFLINE)):
        raise DemoError(problem)
    return Child("the stand-in", "demo.cloud", "--engine", engine)


def use(environ: MutableMapping[str, str], port: int) -> None:
    """Point an environment at the stand-in on a port of 127.0.0.1; real services' keys in it are replaced."""
    here = f"127.0.0.1:{port}"
    environ.update(
        GLADIA_API_KEY="stand-in",
        GLADIA_URL=f"http://{here}/gladia/v2/live",
        GLADIA_MODEL="moonshine-tiny-en",
        OPENAI_API_KEY="stand-in",
        OPENAI_BASE_URL=f"http://{here}/openai/v1",
        OPENAI_MODEL="scripted-demo",
        CARTESIA_API_KEY="stand-in",
        CARTESIA_URL=f"ws://{here}/cartesia/tts/websocket",
        CARTESIA_MODEL="piper-joe-medium",
        CARTESIA_VOICE_ID="joe",
        OTEL_SERVICE_NAME="voice-bot-demo",
        BOT_LINE="demo",
        VOICE_METRICS_PRICES=str(_PRICES),
    )
