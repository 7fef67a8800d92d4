"""Checks requests against Kubernetes' published OpenAPI description, as its generated client carries it.

The client's methods know path, verb, query parameters and content types of every call; its models the fields and
types of every object. What the description does not hold (metrics.k8s.io, KEDA) is written out here from its source.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from kubernetes.aio import client
from pydantic import AliasPath, BaseModel

GROUPS = (
    client.AppsV1Api,
    client.AuthorizationV1Api,
    client.AutoscalingV2Api,
    client.BatchV1Api,
    client.CoreV1Api,
    client.VersionApi,
)
# Source: k8s.io/metrics, pkg/apis/metrics/v1beta1/types.go, PodMetrics and ContainerMetrics.
POD_METRICS = {"kind", "apiVersion", "metadata", "timestamp", "window", "containers"}
CONTAINER_METRICS = {"name", "usage"}
# Source: k8s.io/metrics as above, and KEDA's documentation of ScaledObject (keda.sh/v1alpha1).
OTHERS = (
    ("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"),
    ("GET", "/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"),
)
JSON_PATCH = "application/json-patch+json"
OPERATIONS = {"add", "remove", "replace", "move", "copy", "test"}


@dataclass(frozen=True)
class Call:
    """One call of the API: what it takes, and the types of its body (a patch's is what it changes) and answer."""

    queries: frozenset[str]
    content_types: frozenset[str]
    body: str
    answer: str


def check(method: str, path: str, query: dict[str, str], content_type: str, body: Any) -> None:
    """Raise AssertionError where a request is not one that the API describes."""
    call = _call(method, path)
    assert query.keys() <= call.queries, f"{method} {path}: unknown query {sorted(query.keys() - call.queries)}"
    if body is None:
        return
    if call.content_types:
        assert content_type in call.content_types, f"{method} {path}: no content type {content_type}"
    if content_type == JSON_PATCH:
        for operation in body:
            assert operation["op"] in OPERATIONS, operation
            _pointed(operation["path"], call.body, operation.get("value"))
    else:
        fits(body, call.body, path)


def answer_of(method: str, path: str) -> str:
    """Return the type of what the API answers to a call; empty where the description does not hold it."""
    return _call(method, path).answer


def holds(found: dict[str, Any], kind: str) -> None:
    """Raise AssertionError or ValidationError where an object is none that the API could answer."""
    fits(found, kind, kind)
    getattr(client, kind).model_validate(found)


def reads(model: type[BaseModel], kinds: set[str], where: str) -> None:
    """Raise AssertionError where the bot reads a field that none of the API's types has which it reads so."""
    known: dict[str, set[str]] = {}
    for kind in kinds:
        described = getattr(client, kind)
        for name, written in described.attribute_map.items():
            known.setdefault(written, set()).add(described.openapi_types[name])
    for name, read in model.model_fields.items():
        alias = read.validation_alias or read.alias or name
        first = str(alias.path[0] if isinstance(alias, AliasPath) else alias)
        assert first in known, f"{where}: {sorted(kinds)} have no field {first}"
        inner = {re.sub(r"^(?:List|Optional)\[(.+)\]$|^Dict\[str, (.+)\]$", r"\1\2", kind) for kind in known[first]}
        if not isinstance(alias, AliasPath):
            for each in _models_in(read.annotation):
                reads(each, inner, f"{where}.{first}")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def fits(value: Any, kind: str, where: str) -> None:
    """Raise AssertionError where a value has a field or a type that its model does not have; None removes a field."""
    if value is None or kind == "object":
        return
    if inner := re.fullmatch(r"(?:List|Optional)\[(.+)\]", kind):
        items = value if kind.startswith("List") else [value]
        assert isinstance(items, list), f"{where}: {value!r} is no list"
        for index, item in enumerate(items):
            fits(item, inner[1], f"{where}[{index}]")
    elif inner := re.fullmatch(r"Dict\[str, (.+)\]", kind):
        assert isinstance(value, dict), f"{where}: {value!r} is no object"
        for name, item in value.items():
            fits(item, inner[1], f"{where}.{name}")
    elif kind in ("str", "int", "bool", "float", "datetime", "bytes"):
        wanted: dict[str, tuple[type, ...]] = {"int": (int,), "bool": (bool,), "float": (int, float)}
        assert isinstance(value, wanted.get(kind, (str,))), f"{where}: {value!r} is no {kind}"
        assert isinstance(value, bool) is (kind == "bool"), f"{where}: {value!r} is no {kind}"
    else:
        _fits_model(value, kind, where)


def _fits_model(value: Any, kind: str, where: str) -> None:
    model = getattr(client, kind)
    if not hasattr(model, "attribute_map"):  # a union, such as int-or-string
        return
    assert isinstance(value, dict), f"{where}: {value!r} is no {kind}"
    fields = {written: model.openapi_types[name] for name, written in model.attribute_map.items()}
    for name, item in value.items():
        if name not in ("$patch", "$retainKeys"):
            assert name in fields, f"{where}: {kind} has no field {name}"
            fits(item, fields[name], f"{where}.{name}")


def _pointed(path: str, kind: str, value: Any) -> None:
    for part in path.split("/")[1:]:
        written = part.replace("~1", "/").replace("~0", "~")
        if inner := re.fullmatch(r"Dict\[str, (.+)\]", kind) or re.fullmatch(r"List\[(.+)\]", kind):
            kind = inner[1]
            continue
        model = getattr(client, kind)
        names = {known: name for name, known in model.attribute_map.items()}
        assert written in names, f"{path}: {kind} has no field {written}"
        kind = model.openapi_types[names[written]]
    fits(value, kind, path)


def _call(method: str, path: str) -> Call:
    found = next((call for pattern, call in _calls()[method] if pattern.fullmatch(path)), None)
    assert found is not None, f"the API has no {method} {path}"
    return found


@cache
def _calls() -> dict[str, list[tuple[re.Pattern[str], Call]]]:
    found: dict[str, list[tuple[re.Pattern[str], Call]]] = {}
    for group in GROUPS:
        for method, path, call in _described(group):
            found.setdefault(method, []).append((_pattern(path), call))
    for method, path in OTHERS:
        found.setdefault(method, []).append(
            (_pattern(path), Call(frozenset({"labelSelector", "limit"}), frozenset(), "", ""))
        )
    return found


def described(name: str) -> tuple[str, re.Pattern[str]]:
    """Return verb and path of one of the library's calls; raises AssertionError where the description has none."""
    for group in GROUPS:
        if serialize := getattr(group, f"_{name}_serialize", None):
            return _address(inspect.getsource(serialize))
    raise AssertionError(f"{name} is in none of the described groups: add its group, or write its types out")


def others() -> list[tuple[str, re.Pattern[str]]]:
    """Return verb and path of the calls that the description does not hold."""
    return [(method, _pattern(path)) for method, path in OTHERS]


def _address(source: str) -> tuple[str, re.Pattern[str]]:
    path, method = re.findall(r"resource_path='([^']+)'", source)[0], re.findall(r"method='([A-Z]+)'", source)[0]
    return method, _pattern(path)


def _described(group: type) -> Iterator[tuple[str, str, Call]]:
    for name, serialize in inspect.getmembers(group, inspect.isfunction):
        if not name.endswith("_serialize"):
            continue
        source = inspect.getsource(serialize)
        called = getattr(group, name.removesuffix("_serialize").removeprefix("_"))
        path = re.findall(r"resource_path='([^']+)'", source)[0]
        method = re.findall(r"method='([A-Z]+)'", source)[0]
        yield (
            method,
            path,
            Call(
                frozenset(re.findall(r"_query_params\.append\(\('(\w+)'", source)),
                frozenset(re.findall(r"'(application/[^']+)'", source.partition("select_header_content_type")[2])),
                _body_type(method, called),
                _answer_type(called),
            ),
        )


def _body_type(method: str, called: Any) -> str:
    if method == "PATCH":
        return _answer_type(called)
    annotation = inspect.signature(called).parameters.get("body")
    found = re.findall(r"models\.\w+\.(\w+)", str(annotation.annotation)) if annotation is not None else []
    return found[0] if found else "object"


def _answer_type(called: Any) -> str:
    return str(re.findall(r"'20[01]': \"(\w+)\"", inspect.getsource(called))[0])


def _pattern(path: str) -> re.Pattern[str]:
    # What stands behind a proxy is a path of its own.
    return re.compile(re.sub(r"\{\w+\}", r"[^/]+", path).replace("/proxy/[^/]+", "/proxy/.+"))
