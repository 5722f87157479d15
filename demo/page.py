"""The page at `/call` from which a browser rings the bot.

Pipecat's own client loads a part of itself from the internet; this page is all there is.
"""

from pathlib import Path

from fastapi.responses import FileResponse

_PAGE = Path(__file__).parent / "call.html"


def offer_page() -> None:
    """Add the page to Pipecat's development runner."""
    from pipecat.runner.run import app

    @app.get("/call", include_in_schema=False)
    async def call() -> FileResponse:
        return FileResponse(_PAGE)
