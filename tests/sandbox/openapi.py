"""Check answers against the exchange's own OpenAPI file."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from jsonschema import Draft202012Validator

from sandbox.kalshi.server import ROOT


@cache
def document(path: Path) -> dict[str, Any]:
    return _nullable(yaml.safe_load(path.read_text()))


def _nullable(found: Any) -> Any:
    """Say `nullable` of OpenAPI 3.0 in the words of JSON Schema."""
    if isinstance(found, list):
        return [_nullable(each) for each in found]
    if not isinstance(found, dict):
        return found
    row = {name: _nullable(value) for name, value in found.items() if name != "nullable"}
    if found.get("nullable") is not True:
        return row
    return {"anyOf": [row, {"type": "null"}]}


def assert_conforms(spec: Path, method: str, answer: httpx.Response) -> None:
    """Fail unless the file describes this answer of this path, body and all."""
    found = document(spec)
    path = answer.request.url.path.removeprefix(ROOT)
    operation = _operation(found, method, path)
    assert operation is not None, f"{method} {path} is not in the file"
    responses = operation["responses"]
    status = str(answer.status_code)
    assert status in responses, f"{method} {path} never answers {status}: {answer.text}"
    response = _resolved(found, responses[status])
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return
    problems = [
        f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:200]}"
        for error in Draft202012Validator({**schema, **_components(found)}).iter_errors(
            answer.json()
        )
    ]
    assert not problems, f"{method} {path}: {problems}"
    if answer.status_code >= 400:
        return  # refusals come in four shapes on the wire, the file knows one
    extra = set(answer.json()) - set(_properties(found, schema))
    assert not extra, f"{method} {path} answers with {extra}, which the file does not know"


def _components(found: dict[str, Any]) -> dict[str, Any]:
    return {"components": found["components"]}


def _operation(found: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    best = None
    for template, operations in found["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in operations:
            if template == path:
                return operations[method.lower()]
            best = operations[method.lower()]
    return best


def _resolved(found: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in row:
        target: Any = found
        for part in row["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        row = target
    return row


def _properties(found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return _resolved(found, schema).get("properties", {})
