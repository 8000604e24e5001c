"""The change feed, and the bound that it keeps."""

from contextlib import ExitStack

from counterseal.server.config import Config
from counterseal.server.keys.bound import RevocationBound
from counterseal.server.keys.feed import Feed
from counterseal.server.store.changes import ChangeReader
from counterseal.server.store.engine import KeyStore
from counterseal.server.telemetry.feed_metrics import FeedMeter
from counterseal.server.telemetry.log import Log
from counterseal.server.telemetry.metrics import Metrics


def build_feed(config: Config, store: KeyStore, metrics: Metrics, log: Log, parts: ExitStack) -> tuple[RevocationBound, Feed]:
    """Return the bound, and a feed that is to be started once everybody has subscribed."""
    bound = RevocationBound(seconds=config.revoke_bound, grace=config.outage_grace, log=log)
    reader = ChangeReader(store.database)
    parts.callback(reader.close)
    meter = FeedMeter(metrics.registry, age=bound.age, in_grace=bound.in_grace)
    feed = Feed(source=reader, bound=bound, log=log, metrics=meter, poll=config.feed == "poll")
    parts.callback(feed.close)
    return bound, feed
