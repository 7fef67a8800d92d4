"""The role that a token states; logging in is tested through the client in ``test_api.py``."""

import base64
import json

import pytest

from bot.clients.api_session import role_of


def token(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.signature"


def test_the_role_that_a_token_states() -> None:
    assert role_of(token({"role": "company_admin", "exp": 1})) == "company_admin"


@pytest.mark.parametrize(
    "text",
    ["", "opaque", "a.b.c", "a.!!!.c", "a.é.c", "...", token([]), token({}), token({"role": ""}), token({"role": 5})],
)
def test_a_token_that_states_none(text: str) -> None:
    assert role_of(text) is None
