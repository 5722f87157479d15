"""Ready declarations for bots that retrieve documents or call webhooks; importing this module declares them."""

from __future__ import annotations

from enum import StrEnum

from voice_metrics.series.declarations import Metric, register_metric


class Retrieval(StrEnum):
    """Metrics of a retrieval pipeline.

    Parameters:
        TIME: Question to documents.
        RERANKING_TIME: Time of the reranker.
        CACHE_LOOKUPS: Look-ups in the cache of embeddings by `outcome`, "hit" or "miss"; together a hit rate.
        PROMPT_LENGTH: Characters of the prompt that retrieval assembled.
    """

    TIME = "retrieval.time.milliseconds"
    RERANKING_TIME = "retrieval.reranking.milliseconds"
    CACHE_LOOKUPS = "retrieval.embedding_cache.lookups.total"
    PROMPT_LENGTH = "retrieval.prompt.characters"


class Webhook(StrEnum):
    """Metrics of a bot's deliveries to other systems.

    Parameters:
        TIME: Request to answer of one delivery.
        DELIVERIES: Deliveries by `outcome`, such as "delivered", "refused" or "failed".
    """

    TIME = "webhook.delivery.milliseconds"
    DELIVERIES = "webhook.deliveries.total"


# Characters; a page of text has about 3 000, a large context about 400 000.
_CHARACTERS = tuple(float(100 * 2**power) for power in range(13))

READY = {
    Retrieval.TIME: Metric("histogram", "ms", "Question to retrieved documents."),
    Retrieval.RERANKING_TIME: Metric("histogram", "ms", "Reranking of retrieved documents."),
    Retrieval.CACHE_LOOKUPS: Metric("counter", "{lookup}", "Look-ups in the cache of embeddings, by outcome."),
    Retrieval.PROMPT_LENGTH: Metric("histogram", "{character}", "Length of a prompt.", _CHARACTERS),
    Webhook.TIME: Metric("histogram", "ms", "One webhook delivery, request to answer.", read_as_average=True),
    Webhook.DELIVERIES: Metric("counter", "{delivery}", "Webhook deliveries, by outcome."),
}

for _key, _metric in READY.items():
    register_metric(_key, _metric)
