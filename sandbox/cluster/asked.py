"""What a request to the cluster's API asks for, read from its address."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.cluster.resources import RESOURCES
from sandbox.cluster.store import ApiError, Object, labels_fit

_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


def resource_of(request: web.Request) -> str:
    """Return the resource that is asked for; raises ``ApiError`` 404."""
    name = request.match_info["resource"]
    known = RESOURCES.get(name)
    if known is None or (known.group, known.version) != (
        request.match_info.get("group", ""),
        request.match_info["version"],
    ):
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return name


def address_of(request: web.Request) -> tuple[str, str, str]:
    """Return resource, namespace and name, the name empty where the path has none."""
    return resource_of(request), request.match_info["namespace"], request.match_info.get("name", "")


def verb_of(request: web.Request) -> str:
    """Return the verb as RBAC knows it."""
    if request.method == "GET":
        return "get" if "name" in request.match_info else "list"
    verb = _WRITES.get(request.method, request.method.lower())
    return "deletecollection" if verb == "delete" and "name" not in request.match_info else verb


def selector_of(request: web.Request) -> Callable[[Object], bool]:
    """Return a test for the label and field selectors of a request."""
    labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
    terms = [term.replace("==", "=").partition("=") for term in fields.split(",") if term]

    def fits(found: Object) -> bool:
        return labels_fit(found, labels) and all(str(_field(found, path)) == value for path, _, value in terms)

    return fits


def page_of(request: web.Request, found: list[Object]) -> tuple[list[Object], Object]:
    """Return what ``limit`` and ``continue`` leave of a list, and what its metadata says of the rest."""
    start = int(request.query.get("continue", "0"))
    end = start + (int(request.query.get("limit", "0")) or len(found))
    return found[start:end], {"continue": str(end)} if end < len(found) else {}


def _field(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return found
