"""The three services on one port."""

from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from demo.cloud.cartesia import Cartesia
from demo.cloud.ears import Ears
from demo.cloud.gladia import Gladia
from demo.cloud.openai import OpenAI
from demo.cloud.voice import Voice


def application(ears: Ears, voice: Voice) -> web.Application:
    """Make the stand-in's web application.

    Args:
        ears: The recogniser behind Gladia.
        voice: The synthesiser behind Cartesia.
    """
    engines = ThreadPoolExecutor(max_workers=2)
    gladia, openai, cartesia = Gladia(ears, engines), OpenAI(), Cartesia(voice, engines)
    app = web.Application()
    app.router.add_post("/openai/v1/chat/completions", openai.chat)
    app.router.add_post("/gladia/v2/live", gladia.begin)
    app.router.add_get("/gladia/v2/live/{session}", gladia.live)
    app.router.add_get("/cartesia/tts/websocket", cartesia.websocket)
    return app


async def listen(app: web.Application, port: int) -> int:
    """Serve on 127.0.0.1.

    Args:
        app: The application.
        port: Port to listen on; 0 takes a free one.

    Returns:
        The port.

    Raises:
        OSError: The port is taken.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    taken: int = runner.addresses[0][1]
    return taken
