"""What is asked of MongoDB, over one connection, by the names that steps call it."""

from bot.clients.mongo import Mongo
from bot.clients.mongo_indexes import Indexes
from bot.clients.mongo_replica_set import ReplicaSet
from bot.clients.mongo_server import MongoServer


def mongo_parts(mongo: Mongo) -> dict[str, object]:
    """Return the systems by the names that steps call them."""
    return {
        "mongo": mongo,
        "replica_set": ReplicaSet(mongo),
        "mongo_server": MongoServer(mongo),
        "indexes": Indexes(mongo),
    }
