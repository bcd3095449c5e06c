"""Hashes and signatures against vectors made by the official clients."""

import json

import pytest
from eth_account import Account

from sandbox.polymarket import signing
from sandbox.polymarket.signing import BadSignature
from venues.polymarket import auth, eip712
from venues.polymarket.eip712 import Domain, OrderFields

KEY = "0x" + "11" * 32
OWNER = Account.from_key(KEY).address


def order(**changes) -> OrderFields:
    zero = "0x" + "00" * 32
    fields = {
        "salt": 479249096354,
        "maker": OWNER,
        "signer": OWNER,
        "token": 12345,
        "maker_amount": 2_600_000,
        "taker_amount": 5_000_000,
        "side": 0,
        "signature_type": 0,
        "timestamp": 1795248000000,
        "metadata": zero,
        "builder": zero,
    }
    return OrderFields(**{**fields, **changes})


STANDARD = Domain(contract=eip712.STANDARD, version="2")


def test_order_ids_and_signatures_match_the_published_vectors(shared):
    path = shared / "fixtures" / "polymarket" / "computed_order_hash_vectors.json"
    found = json.loads(path.read_text())
    for row in found["vectors"]:
        message, domain = row["message"], row["domain"]
        made = order(
            salt=message["salt"],
            maker=message["maker"],
            signer=message["signer"],
            token=int(message["tokenId"]),
            maker_amount=message["makerAmount"],
            taker_amount=message["takerAmount"],
            side=message["side"],
            signature_type=message["signatureType"],
            timestamp=message["timestamp"],
        )
        at = Domain(contract=domain["verifyingContract"], version=domain["version"])
        assert "0x" + eip712.domain_separator(at).hex() == row["domain_separator"]
        assert "0x" + eip712.struct_hash(made).hex() == row["struct_hash"]
        assert eip712.order_id(made, at) == row["order_id"]
        if row["eoa_signature"]:
            owner = signing.signed_by(made, at, row["eoa_signature"])
            assert owner == found["address"].lower()


def test_request_signatures_match_the_published_vectors(shared):
    found = json.loads(
        (shared / "fixtures" / "polymarket" / "computed_auth_vectors.json").read_text()
    )
    l1 = found["l1"]
    owner = signing.key_owner(
        address=l1["address"],
        timestamp=str(l1["timestamp"]),
        nonce=l1["nonce"],
        signature=l1["signature"],
    )
    assert owner == l1["address"].lower()
    for row in (found["l2"], found["l2_get"]):
        made = auth.request_signature(
            row["secret"],
            timestamp=str(row["timestamp"]),
            method=row["method"],
            path=row["path"],
            body=(row["body"] or "").encode(),
        )
        assert made == row["signature"]


def test_another_exchange_is_another_id():
    ids = {
        eip712.order_id(order(), Domain(contract=contract, version=version))
        for contract, version in (
            (eip712.STANDARD, "2"),
            (eip712.NEG_RISK, "2"),
            (eip712.EXCHANGE_V3, "3"),
        )
    }

    assert len(ids) == 3


@pytest.mark.parametrize("text", ["", "0x", "0xzz", "0x" + "00" * 65, "0x" + "11" * 64])
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(BadSignature):
        signing.signed_by(order(), STANDARD, text)


def test_a_deposit_wallets_signature_must_describe_the_order():
    wallet = "0x" + "33" * 20
    with pytest.raises(BadSignature, match="does not describe"):
        signing.signed_by(
            order(maker=wallet, signer=wallet, signature_type=3), STANDARD, "0x" + "11" * 65
        )
