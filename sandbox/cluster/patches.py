"""The three kinds of patch that the cluster's API takes."""

import copy
from typing import Any

from sandbox.cluster.store import ApiError

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
# Lists that a strategic patch merges element by element, with the field that tells the elements apart.
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "ports": "containerPort",
    "conditions": "type",
    "ownerReferences": "uid",
}


def patched(found: dict[str, Any], patch: Any, content_type: str) -> dict[str, Any]:
    """Return ``found`` with a patch of the given content type; raises ``ApiError`` 415, 400 or 422."""
    found = copy.deepcopy(found)
    if content_type == JSON:
        if not isinstance(patch, list):
            raise ApiError(400, "BadRequest", "a JSON patch is a list of operations")
        for operation in patch:
            _apply(found, operation)
        return found
    if content_type not in (STRATEGIC, MERGE):
        raise ApiError(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {content_type}")
    if not isinstance(patch, dict):
        raise ApiError(400, "BadRequest", "a merge patch is an object")
    return _merged(found, patch, strategic=content_type == STRATEGIC)


def _merged(found: Any, patch: dict[str, Any], *, strategic: bool) -> dict[str, Any]:
    result: dict[str, Any] = found if isinstance(found, dict) else {}
    if strategic and patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = _merged(result.get(name), value, strategic=strategic)
        elif strategic and isinstance(value, list) and name in _KEYS:
            result[name] = _merged_list(result.get(name) or [], value, _KEYS[name])
        else:
            result[name] = value
    return result


def _merged_list(found: list[dict[str, Any]], patch: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    result = list(found)
    for element in patch:
        if key not in element:
            raise ApiError(422, "Invalid", f"map: {element} does not contain declared merge key: {key}")
        index = next((at for at, known in enumerate(result) if known.get(key) == element[key]), None)
        if element.get("$patch") == "delete":
            result = [known for known in result if known.get(key) != element[key]]
        elif index is None:
            result.append(element)
        else:
            result[index] = _merged(result[index], element, strategic=True)
    return result


def _apply(found: Any, operation: dict[str, Any]) -> None:
    path = [part.replace("~1", "/").replace("~0", "~") for part in str(operation.get("path", "")).split("/")[1:]]
    verb = operation.get("op")
    if not path or verb not in ("add", "replace", "remove", "test"):
        raise ApiError(422, "Invalid", f"unsupported operation {verb!r} at {operation.get('path')!r}")
    try:
        for part in path[:-1]:
            found = found[int(part) if isinstance(found, list) else part]
        _apply_last(found, path[-1], verb, operation.get("value"))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ApiError(422, "Invalid", f"the patch does not fit at {operation['path']!r}") from error


def _apply_last(found: Any, last: str, verb: str, value: Any) -> None:
    if isinstance(found, list) and last == "-":
        found.append(value)
        return
    key: Any = int(last) if isinstance(found, list) else last
    if verb == "add" and isinstance(found, list):
        found.insert(key, value)
    elif verb == "add":
        found[key] = value
    elif verb == "test" and found[key] != value:
        raise ApiError(422, "Invalid", f"testing value {last} failed")
    elif verb == "replace":
        found[key]
        found[key] = value
    elif verb == "remove":
        del found[key]
