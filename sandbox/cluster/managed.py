"""Who changed an object last, as the API server writes it into ``managedFields``; which fields is left out."""

from aiohttp import web

from sandbox.cluster.store import Object


def sign(new: Object, old: Object, request: web.Request, *, at: str) -> None:
    """Put whoever sends the request behind an object's managers, if anything is changed at all."""
    before: list[Object] = old["metadata"].get("managedFields", [])
    new["metadata"].pop("managedFields", None)
    if _content(new) != _content(old):
        agent = request.headers.get("User-Agent", "unknown").partition("/")[0]
        entry = {"manager": request.query.get("fieldManager", agent), "operation": "Update", "time": at}
        entry |= {name: request.match_info[name] for name in ("subresource",) if name in request.match_info}
        before = [*(one for one in before if _manager(one) != _manager(entry)), entry]
    if before:
        new["metadata"]["managedFields"] = before


def _manager(entry: Object) -> tuple[str, str]:
    return entry["manager"], entry.get("subresource", "")


def _content(found: Object) -> Object:
    metadata = {name: found["metadata"].get(name) for name in ("labels", "annotations")}
    return {**found, "metadata": metadata}
