"""The description of the API, whole: what may be sent to the routes beside the Beacon's, and come back.

The Beacon describes its own routes (`beacon.openapi`).  Those of the other protocols read their requests
themselves, so that the framework knows their paths alone; what it lacks stands here, by path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI

from schemas.exchange import VERSIONS, media_type
from schemas.matching import Sharing

Document = dict[str, Any]
Schema = Mapping[str, Any]

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_VERSIONS: Final = tuple(media_type(version) for version in VERSIONS)
_TEXT: Final[Schema] = {"type": "string"}
_BEACON_FAULT: Final[Schema] = {"$ref": "#/components/schemas/ErrorResponse"}
_EXCHANGE_FAULT: Final[Schema] = {
    "type": "object",
    "properties": {"message": _TEXT},
    "required": ["message"],
}
_OAUTH_FAULT: Final[Schema] = {
    "type": "object",
    "properties": {"error": _TEXT, "error_description": _TEXT},
    "required": ["error"],
}
_WORDS: Final = {
    400: "it cannot be understood, or is about something not held here",
    401: "no valid credentials",
    403: "valid credentials, not enough of them",
    404: "there is no such thing here",
    406: "no version that is spoken here is accepted",
    413: "the body is too large",
    415: "the body is of another media type",
    422: "sound JSON, and not what is asked for",
    429: "too often; ask again later",
    503: "the data, or who issued the credentials, cannot be asked just now",
}


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of the routes below a path.

    refusals: statuses.  fault, faults_as: the schema and the media type of a refusal.  answer, answers_as: of
    an answer.  body, body_as: of a request with a body.  done: the status of success, by method, where it is
    not 200; 204 has no content.
    """

    refusals: tuple[int, ...]
    fault: Schema = field(default_factory=lambda: _BEACON_FAULT)
    faults_as: str = _JSON
    answer: Schema = field(default_factory=lambda: {"type": "object"})
    answers_as: tuple[str, ...] = (_JSON,)
    body: Schema | None = None
    body_as: tuple[str, ...] = (_JSON,)
    done: Mapping[str, int] = field(default_factory=dict)


def _object(required: tuple[str, ...] = (), /, **members: Schema) -> Schema:
    return {"type": "object", "properties": members, "required": list(required)}


def _exchange(*more: int, **said: Any) -> _Said:
    refusals = tuple(sorted({400, 401, 403, 413, 415, 429, 503, *more}))
    return _Said(refusals, _EXCHANGE_FAULT, media_type(), **said)


def _match(body: Schema) -> _Said:
    return _exchange(404, 406, 422, answers_as=_VERSIONS, body=body, body_as=_VERSIONS)


def _form(required: tuple[str, ...], *members: str) -> _Said:
    body = _object(required, **dict.fromkeys(members, _TEXT))
    return _Said((400, 401, 403, 413, 415, 429, 503), _OAUTH_FAULT, body=body, body_as=(_FORM,))


_CASE: Final = dict.fromkeys(("team", "family", "notify"), _TEXT)
_SHARING: Final[Schema] = {"type": "string", "enum": [one.value for one in Sharing]}
_PATIENT: Final = _object(
    ("id", "contact"),
    id=_TEXT,
    label=_TEXT,
    contact=_object(("name", "href"), name=_TEXT, href=_TEXT),
    features={"type": "array", "items": _object(("id",), id=_TEXT, observed=_TEXT)},
    genomicFeatures={
        "type": "array",
        "items": _object(("gene",), gene=_object(("id",), id=_TEXT), variant={"type": "object"}),
    },
)
_ALL: Final = (400, 401, 403, 404, 413, 429, 503)
_PATIENTS: Final[Schema] = {"type": "array", "items": _PATIENT, "minItems": 1}
_EVENT: Final = _object(("event",), event={"type": "string", "enum": ["plan", "peer", "summary"]}, data=_TEXT)
_STREAMED: Final = ("text/event-stream", "application/x-ndjson")
_LIST: Final[Schema] = {"type": "array", "items": {"type": "object"}}
_USERINFO: Final = _Said((401, 403), _OAUTH_FAULT)
_TOKEN_FIELDS: Final = (
    "grant_type", "client_id", "client_secret", "scope", "code", "redirect_uri", "code_verifier",
    "refresh_token", "subject_token", "subject_token_type",
)  # fmt: skip

# The longest path that a route's path begins with is the one that counts.
_SAYINGS: Final[Mapping[str, _Said]] = {
    "/network/stream": _Said(_ALL, answer=_EVENT, answers_as=_STREAMED),
    "/network/sum": _Said(
        (400, 401, 403, 413, 429, 503), body=_object(("question",), question=_TEXT, assembly=_TEXT)
    ),
    "/network/peers": _Said((401, 503)),
    "/services": _Said((401, 503), answer=_LIST),
    "/services/types": _Said((401, 503), answer={"type": "array", "items": _TEXT}),
    "/services/{name}": _Said((401, 404, 503)),
    "/.well-known/varhaven-node": _Said((401, 503), answer=_TEXT, answers_as=("application/jose",)),
    "/.well-known/oauth-protected-resource": _Said((401,)),
    "/.well-known/openid-configuration": _Said((401,)),
    "/.well-known/oauth-authorization-server": _Said((401,)),
    "/federation/v1": _Said(_ALL, body={"type": "object"}),
    "/federation/v1/hello": _Said(_ALL, done={"post": 204}),
    "/oauth/token": _form(("grant_type",), *_TOKEN_FIELDS),
    "/oauth/introspect": _form(("token",), "token", "token_type_hint", "client_id", "client_secret"),
    "/oauth/revoke": _form(("token",), "token", "token_type_hint", "client_id", "client_secret"),
    "/oauth/userinfo": _USERINFO,
    "/oauth/jwks": _Said(()),
    "/mme": _exchange(406, answers_as=_VERSIONS),
    "/mme/match": _match(_object(("patient",), patient=_PATIENT)),
    "/network/mme/match": _match(_object(("patient",), patient=_object(("id",), id=_TEXT))),
    "/cases": _exchange(
        422,
        answer=_LIST,
        done={"post": 201},
        body=_object(
            ("patients",),
            patients={"type": "array", "items": _PATIENT, "minItems": 1},
            sharing=_SHARING,
            **_CASE,
        ),
    ),
    "/cases/{case_id}": _exchange(
        404, body=_object(sharing=_SHARING, status=_TEXT, **_CASE), done={"delete": 204}
    ),
    "/cases/{case_id}/notes": _exchange(404, body=_object(("text",), text=_TEXT), done={"post": 204}),
    "/cases/{case_id}/match": _exchange(404, body={"type": "object"}),
    "/cases/{case_id}/carriers": _exchange(
        404, body=_object(genes={"type": "array", "items": _TEXT}, network={"type": "boolean"})
    ),
    "/cases/{case_id}/candidates": _exchange(
        404,
        answer={"oneOf": [_LIST, {"type": "object"}]},
        body=_object(genes={"type": "array", "items": _TEXT}, most={"type": "integer"}),
    ),
    "/cases/{case_id}/matches": _exchange(404, answer=_LIST),
    "/cases/{case_id}/matches/{number}": _exchange(
        404, body=_object(state=_TEXT, comment=_TEXT), done={"patch": 204}
    ),
    "/healthz": _Said((), answer=_TEXT, answers_as=("text/plain",)),
    "/readyz": _Said((503,), answer=_TEXT, answers_as=("text/plain",)),
    "/service-info": _Said((401,)),
}
_OF_THE_BEACON: Final = ("/beacon", "/network/beacon")
_WITH_BODY: Final = frozenset({"post", "put", "patch"})


def describe(app: FastAPI) -> None:
    """Makes `app.openapi()` tell of every route what may be sent to it, and every status that may come back.

    Raises LookupError, when it is first asked: of some route nothing is said here.
    """
    plain = app.openapi

    def whole() -> Document:
        if app.openapi_schema is None:
            document = plain()
            for path, operations in document["paths"].items():
                if not path.startswith(_OF_THE_BEACON):
                    _complete(operations, _said_of(path))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]  # as the framework's manual has it


def _said_of(path: str) -> _Said:
    above = [known for known in _SAYINGS if path == known or path.startswith(f"{known}/")]
    if not above:
        raise LookupError(f"nothing is said of {path} in the description of the API")
    return _SAYINGS[max(above, key=len)]


def _complete(operations: dict[str, Document], said: _Said) -> None:
    for method, operation in operations.items():
        status = said.done.get(method, 200)
        content = {kind: {"schema": said.answer} for kind in said.answers_as}
        done = {"description": "done"} if status == 204 else {"description": "the answer", "content": content}
        refusals = {
            str(code): {"description": _WORDS[code], "content": {said.faults_as: {"schema": said.fault}}}
            for code in said.refusals
        }
        operation["responses"] = {str(status): done, **refusals}
        if said.body is not None and method in _WITH_BODY:
            sent = {kind: {"schema": said.body} for kind in said.body_as}
            operation.setdefault("requestBody", {"required": True, "content": sent})
