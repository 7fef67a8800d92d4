import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import NotConfigured, Refused
from bot.stores.sealed import MARK, Seal

SECRET = SecretStr("signing-secret")


@given(content=st.binary(max_size=5_000), context=st.text(max_size=80))
def test_gives_back_what_it_sealed_after_a_restart_too(content: bytes, context: str) -> None:
    assert Seal(SECRET).open(Seal(SECRET).seal(content, context), context) == content


def test_what_is_sealed_shows_nothing_and_never_twice_the_same() -> None:
    sealed = Seal(SECRET).seal(b"hunter2" * 100, "vault/1")
    assert b"hunter2" not in sealed
    assert sealed != Seal(SECRET).seal(b"hunter2" * 100, "vault/1")
    assert sealed.startswith(MARK)
    assert not zlib.compress(b"[]", 1).startswith(MARK)


def test_one_changed_byte_another_context_or_another_secret_does_not_open_it() -> None:
    sealed = Seal(SECRET).seal(b"hunter2", "vault/1")
    changed = [sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :] for place in range(len(sealed))]
    for wrong in (*changed, b"", MARK, sealed[:20], sealed[:-1]):
        with pytest.raises(Refused, match="cannot be read any more"):
            Seal(SECRET).open(wrong, "vault/1")
    with pytest.raises(Refused, match="has changed since"):
        Seal(SECRET).open(sealed, "vault/2")
    with pytest.raises(Refused, match="has changed since"):
        Seal(SecretStr("another")).open(sealed, "vault/1")


def test_a_fingerprint_is_keyed_and_bound_to_its_context() -> None:
    mine = Seal(SECRET).fingerprint(b"hunter2", "vault/1")
    assert mine == Seal(SECRET).fingerprint(b"hunter2", "vault/1")
    others = (Seal(SECRET).fingerprint(b"hunter2", "vault/2"), Seal(SecretStr("x")).fingerprint(b"hunter2", "vault/1"))
    assert mine not in others
    assert len(mine) == 12


def test_without_a_secret_it_seals_nothing_and_says_which_setting_is_missing() -> None:
    assert Seal(SECRET).is_set
    assert not Seal(None).is_set
    with pytest.raises(NotConfigured, match="SLACK_SIGNING_SECRET or SLACK_BOT_TOKEN"):
        Seal(None).seal(b"hunter2", "vault/1")
