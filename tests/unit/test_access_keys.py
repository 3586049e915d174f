"""The node's key: private to its owner, never lost, never overwritten, changed without a gap."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from node.access.keys import NodeKey
from node.access.signed import UnknownKey, read_signed
from schemas.errors import BadInput


def rfc7638(jwk: dict[str, str]) -> str:
    """Computed from the text of the standard: required members, sorted, without spaces."""
    required = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(required, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()


def test_a_new_key_is_kept_where_only_its_owner_reads(tmp_path: Path) -> None:
    made = NodeKey.create(tmp_path / "keys")
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert NodeKey.load(tmp_path / "keys").thumbprint == made.thumbprint


def test_the_thumbprint_is_the_one_of_the_standard(tmp_path: Path) -> None:
    made = NodeKey.create(tmp_path)
    assert made.thumbprint == rfc7638(made.active.as_dict(private=False))
    assert len(made.thumbprint) == 43


def test_showing_a_key_shows_no_secret(tmp_path: Path) -> None:
    made = NodeKey.create(tmp_path)
    assert made.active.as_dict(private=True)["d"] not in repr(made) + str(made)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    made = NodeKey.create(tmp_path)
    with pytest.raises(BadInput, match="has a key already"):
        NodeKey.create(tmp_path)
    assert NodeKey.load(tmp_path).thumbprint == made.thumbprint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o777])
def test_a_key_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    NodeKey.create(tmp_path)
    (file,) = tmp_path.iterdir()
    file.chmod(mode)
    with pytest.raises(BadInput, match="other users"):
        NodeKey.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        '{"keys": ["x"]}',
        '{"keys": [5]}',
        '{"keys": [null]}',
        '{"keys": [{"kty": "EC", "crv": 1, "x": 1, "y": 1, "d": 1}]}',
        '{"keys": 5}',
        '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}]}',
    ],
)
def test_what_is_not_a_key_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "node.jwks"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(BadInput, match="not a set of P-256 keys") as refusal:
        NodeKey.load(tmp_path)
    assert "c2VjcmV0" not in str(refusal.value)


def test_a_public_key_is_not_enough(tmp_path: Path) -> None:
    made = NodeKey.create(tmp_path)
    file = tmp_path / "node.jwks"
    file.write_text(json.dumps({"keys": [made.active.as_dict(private=False)]}))
    with pytest.raises(BadInput, match="not a set of P-256 keys"):
        NodeKey.load(tmp_path)


def test_a_home_without_a_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no key"):
        NodeKey.load(tmp_path)


def test_a_key_is_changed_without_a_gap(tmp_path: Path) -> None:
    old = NodeKey.create(tmp_path)
    both = old.prepare(tmp_path)
    _, coming = both.thumbprints
    assert both.thumbprint == old.thumbprint  # partners have not pinned the new one yet

    def signer(key: NodeKey, pinned: str) -> str:
        document = key.sign("test+jwt", b'{"iss": "https://a.example"}')
        return str(read_signed(document, "test+jwt", lambda _: {pinned})["iss"])

    assert signer(NodeKey.load(tmp_path), old.thumbprint) == "https://a.example"
    both.activate(tmp_path, coming)
    changed = NodeKey.load(tmp_path)
    assert changed.thumbprints == (coming, old.thumbprint)
    assert signer(changed, coming) == "https://a.example"
    with pytest.raises(UnknownKey):
        signer(changed, old.thumbprint)
    with pytest.raises(BadInput, match="no key with that thumbprint"):
        changed.activate(tmp_path, "x" * 43)
