"""Users: passwords, one-time codes, and what slows down whoever guesses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from node.access.principal import Role
from node.access.server.accounts import Accounts
from node.access.server.attempts import network_of
from node.access.server.keyring import Seal
from node.access.server.passwords import Passwords, one_time_password, refuse_weak
from node.access.server.totp import matching_step, provisioning_uri, readable
from schemas.errors import BadInput, BadQuestion, NodeError, NotAuthorised, NotFound, OverBudget
from tests.engines import NewDatabase
from tests.signing_in import ADDRESS, PASSWORD, World, a_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def refusal(
    accounts: Accounts, name: str, password: str, code: str = "", address: str = ADDRESS
) -> NodeError:
    with pytest.raises((NotAuthorised, OverBudget)) as caught:
        accounts.sign_in(name, password, code, address)
    return caught.value


def test_a_user_signs_in_however_the_name_is_typed(world: World) -> None:
    ada = world.user("ada", Role.CLINICIAN)
    for typed in ("ada", "ADA", " Ada "):
        who = world.server.accounts.sign_in(typed, PASSWORD, "", ADDRESS)
        assert (who.account.subject, who.account.roles, who.methods) == (
            ada.subject,
            {Role.CLINICIAN},
            ("pwd",),
        )


def test_passwords_are_kept_as_argon2id(world: World) -> None:
    with world.engine.connect() as connection:
        world.user()
        kept = connection.exec_driver_sql("SELECT password FROM account").scalar_one()
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept
    assert Passwords().keep("some password here").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_refusal_tells_nothing(world: World) -> None:
    """Wrong, unknown, locked: the same words, and as much work."""
    world.user("ada")
    world.server.accounts.lock(world.user("eve"))
    checked: list[str | None] = []
    real = Passwords.matches

    def counted(self: Passwords, password: str, kept: str | None) -> bool:
        checked.append(kept)
        return real(self, password, kept)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Passwords, "matches", counted)
        told = {
            str(refusal(world.server.accounts, name, password))
            for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("eve", PASSWORD), ("", ""))
        }
    assert told == {"the name, the password or the one-time code is not right"}
    assert len(checked) == 4


def test_an_unknown_name_never_has_a_matching_password() -> None:
    passwords = Passwords()
    assert not passwords.matches("", None)
    assert not passwords.matches("x" * 100_000, None)
    assert not passwords.matches("x", "not a hash")


def test_letters_of_different_keyboards_are_the_same_password() -> None:
    passwords = Passwords()
    kept = passwords.keep("ｐａｓｓ word é")  # full width, and e with a combining accent
    assert passwords.matches("pass word é", kept)


@pytest.mark.parametrize(
    "weak", ["short", "x" * 257, "aaaaaaaaaaaa", "ada lovelace 12", "example hospital 1"]
)
def test_a_password_that_is_easily_guessed_is_refused(weak: str) -> None:
    with pytest.raises(BadQuestion):
        refuse_weak(weak, "lovelace", "Example Hospital")


def test_one_time_passwords_are_good_passwords_and_differ() -> None:
    made = {one_time_password() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        refuse_weak(password, "admin")


def test_guessing_at_an_account_is_delayed_more_and_more(world: World) -> None:
    world.user("ada")
    accounts, clock = world.server.accounts, world.clock
    for i in range(6):
        assert isinstance(refusal(accounts, "ada", f"guess {i}", address=f"192.0.2.{i}"), NotAuthorised)
    delays = []
    for i in range(12):
        waited = refusal(accounts, "ada", PASSWORD, address=f"198.51.100.{i}")
        assert isinstance(waited, OverBudget)
        seconds = int(str(waited).split()[-2])
        delays.append(seconds)
        clock.now_s += seconds + 1
        assert isinstance(refusal(accounts, "ada", "wrong", address=f"203.0.113.{i}"), NotAuthorised)
    assert delays[:4] == [2, 4, 8, 16]
    assert delays[-1] == 900
    clock.now_s += 901
    assert accounts.sign_in("ada", PASSWORD, "", ADDRESS).account.name == "ada"
    assert isinstance(refusal(accounts, "ada", "wrong"), NotAuthorised)


def test_spraying_one_password_over_many_accounts_is_delayed_by_address(world: World) -> None:
    """From one network, whatever account is tried; other networks are not held up."""
    accounts = world.server.accounts
    world.user("ada")
    seen = [
        type(refusal(accounts, f"user{i}", "Winter2026!!", address=f"2001:db8::{i:x}")) for i in range(30)
    ]
    assert seen[:21] == [NotAuthorised] * 21
    assert set(seen[21:]) == {OverBudget}
    assert accounts.sign_in("ada", PASSWORD, "", "2001:db8:1::1").account.name == "ada"


def test_one_account_of_his_own_does_not_clear_an_address(world: World) -> None:
    """Signing in with a known account between guesses at others."""
    world.user("ada")
    accounts = world.server.accounts
    failed = 0
    for i in range(60):
        try:
            accounts.sign_in("ada", PASSWORD, "", ADDRESS)
            accounts.sign_in(f"user{i}", "Winter2026!!", "", ADDRESS)
        except NotAuthorised:
            failed += 1
        except OverBudget:
            break
    assert failed == 21


def test_many_guesses_at_once_are_counted_each(tmp_path: Path, new_database: NewDatabase) -> None:
    with a_world(tmp_path, new_database(tmp_path)) as world:
        world.user("ada")

        def guess(i: int) -> type:
            return type(refusal(world.server.accounts, "ada", f"guess {i}", address=f"192.0.2.{i}"))

        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(guess, range(24)))
        assert seen.count(NotAuthorised) == 6


def test_an_administrator_may_end_the_delay(world: World) -> None:
    ada = world.user("ada")
    accounts = world.server.accounts
    for i in range(7):
        refusal(accounts, "ada", "wrong", address=f"192.0.2.{i}")
    accounts.lock(ada, locked=False)
    assert accounts.sign_in("ada", PASSWORD, "", ADDRESS)


def test_addresses_are_counted_by_who_can_choose_them() -> None:
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert network_of("testclient") == network_of("") == "unknown"


def test_neither_names_nor_addresses_of_guesses_are_kept(world: World, tmp_path: Path) -> None:
    refusal(world.server.accounts, "somebody-secret", "wrong", address="192.0.2.77")
    world.engine.dispose()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("varhaven.db*"))
    assert b"somebody-secret" not in kept
    assert b"192.0.2.77" not in kept


# One-time codes


@pytest.mark.parametrize(("when_s", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")])
def test_codes_are_those_of_the_specification(when_s: int, code: str) -> None:
    """RFC 6238 appendix B, of which authenticators show the last six digits."""
    secret = b"12345678901234567890"
    assert matching_step(secret, code, when_s) == when_s // 30
    assert matching_step(secret, f"{code[:3]} {code[3:]}", when_s) == when_s // 30
    assert matching_step(secret, code, when_s + 30) == when_s // 30
    assert matching_step(secret, code, when_s + 91) is None
    for other in ("", "28708", "2870822", "28708x", "２８７０８２", "-87082"):
        assert matching_step(secret, other, when_s) is None


def test_a_code_is_good_once_and_never_an_older_one(world: World) -> None:
    ada = world.user("ada")
    accounts, clock = world.server.accounts, world.clock
    secret = accounts.offer_totp()

    def code(shift_s: float = 0) -> str:
        return TOTP(secret, 6, SHA1(), 30).generate(clock.now_s + shift_s).decode()

    with pytest.raises(BadQuestion):
        accounts.enable_totp(ada, secret, "000000" if code() != "000000" else "000001")
    accounts.enable_totp(ada, secret, code())
    refusal(accounts, "ada", PASSWORD, code())
    refusal(accounts, "ada", PASSWORD)
    clock.now_s += 30
    before = code(-30)
    assert accounts.sign_in("ada", PASSWORD, code(), ADDRESS).methods == ("pwd", "otp")
    refusal(accounts, "ada", PASSWORD, code())
    refusal(accounts, "ada", PASSWORD, before)
    accounts.disable_totp(ada)
    assert accounts.sign_in("ada", PASSWORD, "", ADDRESS).methods == ("pwd",)


def test_one_code_for_two_at_the_same_moment(tmp_path: Path, new_database: NewDatabase) -> None:
    with a_world(tmp_path, new_database(tmp_path)) as world:
        ada = world.user("ada")
        accounts, clock = world.server.accounts, world.clock
        secret = accounts.offer_totp()
        accounts.enable_totp(ada, secret, TOTP(secret, 6, SHA1(), 30).generate(clock.now_s).decode())
        clock.now_s += 30
        code = TOTP(secret, 6, SHA1(), 30).generate(clock.now_s).decode()

        def attempt(_: int) -> bool:
            try:
                return bool(accounts.sign_in("ada", PASSWORD, code, ADDRESS))
            except (
                NotAuthorised,
                OverBudget,
            ):  # the last of them may come after so many refusals that it has to wait
                return False

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(attempt, range(4))) == 1


def test_secrets_of_codes_are_sealed_for_one_user_and_one_home(world: World, tmp_path: Path) -> None:
    seal = world.server.keyring.seal
    sealed = seal.close(b"secret", "ada")
    assert seal.unseal(sealed, "ada") == b"secret"
    assert b"secret" not in sealed
    other = tmp_path / "other"
    other.mkdir()
    for wrong, owner in ((seal, "eve"), (Seal.open(other), "ada")):
        with pytest.raises(BadInput, match="does not belong"):
            wrong.unseal(sealed, owner)
    with pytest.raises(BadInput):
        seal.unseal(sealed[:-1], "ada")


def test_an_authenticator_can_read_the_secret() -> None:
    uri = provisioning_uri(b"12345678901234567890", "ada", "Example Hospital")
    assert uri.startswith("otpauth://totp/Example%20Hospital:ada?")
    assert readable(b"12345678901234567890") == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


# Accounts


def test_names_are_single_and_plain(world: World) -> None:
    world.server.accounts.add("ada", ())
    for name in ("ada", "ADA", "", " ", "a b", "a/b", "<b>", "ä", "-x", "x" * 65):
        with pytest.raises(BadInput):
            world.server.accounts.add(name, ())
    with pytest.raises(NotFound):
        world.server.accounts.named("nobody")


def test_a_reset_password_must_be_changed_and_opens_no_tokens(world: World) -> None:
    app, ada = world.application(), world.user("ada")
    told = world.redeem(app, world.code(app, ada)).body
    assert told is not None
    fresh = world.server.accounts.reset_password(ada)
    assert world.server.tokens.read(told["access_token"]) is None
    who = world.server.accounts.sign_in("ada", fresh, "", ADDRESS)
    assert who.account.must_change
    with pytest.raises(BadQuestion, match="have now"):
        world.server.accounts.change_password(who.account, fresh, fresh, ADDRESS)
    refused = world.redeem(app, world.code(app, who.account)).body
    assert refused is not None
    assert refused["error"] == "invalid_grant"
