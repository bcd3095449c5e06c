"""Keys to real venues: written, proved and taken away; never read."""

from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.credentials import KeyTaken
from accounts.models import VenueCredential
from accounts.vault import VaultClosed
from api.base import OfAccount, Rows, WithFactor, own_account, person, proof_for
from api.problems import Refused
from markets import clock
from trading import onboarding, onboarding_kalshi, onboarding_polymarket
from trading.onboarding import NotAllowed
from venues.errors import VenueError
from venues.secrets import Secret

PROBLEMS = (NotAllowed, KeyTaken, VaultClosed, VenueError, ValueError)
LONGEST_KEY = 8_000


class CredentialOut(serializers.ModelSerializer[VenueCredential]):
    """What is public of a key: addresses, and what its last proof found."""

    class Meta:
        model = VenueCredential
        fields = (
            "id",
            "account",
            "venue",
            "environment",
            "address",
            "signer",
            "proof",
            "created_at",
            "verified_at",
            "removed_at",
        )
        read_only_fields = fields


class CredentialIn(WithFactor):
    account = serializers.UUIDField()
    venue = serializers.ChoiceField(choices=["polymarket", "kalshi"])
    private_key = serializers.CharField(write_only=True, max_length=LONGEST_KEY)
    funder = serializers.CharField(
        max_length=60, default="", allow_blank=True, help_text="Polymarket: holds the money"
    )
    relayer_key = serializers.CharField(
        write_only=True, max_length=200, default="", allow_blank=True
    )
    key_id = serializers.CharField(max_length=100, default="", allow_blank=True)
    environment = serializers.ChoiceField(choices=["production", "demo"], default="production")


class ProveIn(serializers.Serializer[Any]):
    with_trial = serializers.BooleanField(
        default=False, help_text="place an order that cannot fill, and cancel it"
    )


class Credentials(Rows):
    """Keys of your accounts. A key is sealed when it comes in, and nobody reads it again."""

    queryset = VenueCredential.objects.select_related("account")
    serializer_class = CredentialOut
    filterset_class = OfAccount
    ordering = ("-created_at", "-id")

    @extend_schema(request=CredentialIn, responses={201: CredentialOut})
    @method_decorator(sensitive_variables())
    def create(self, request: Request) -> Response:
        """Enter a key with a fresh `code`; the account's former one of that venue is replaced."""
        asked = CredentialIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        account = own_account(request, given["account"])
        digests, now = [onboarding.digest_of(account, given["venue"])], clock.now()
        proof_for(request, account, digests=digests, now=now)
        try:
            if given["venue"] == "kalshi":
                made = onboarding_kalshi.enter(
                    account=account,
                    key_id=given["key_id"].strip(),
                    pem=Secret(given["private_key"]),
                    environment=given["environment"],
                    now=now,
                )
            else:
                made = onboarding_polymarket.enter(
                    account=account,
                    private_key=Secret(given["private_key"].strip()),
                    funder=given["funder"].strip(),
                    relayer_key=Secret(given["relayer_key"].strip()),
                    now=now,
                )
        except PROBLEMS as why:
            raise Refused(str(why)) from None
        return Response(CredentialOut(made).data, status=201)

    @extend_schema(request=ProveIn, responses=CredentialOut)
    @action(detail=True, methods=["post"])
    def prove(self, request: Request, pk: str) -> Response:
        """Prove a key: what passed and what did not is in `proof`."""
        row = self.get_object()
        asked = ProveIn(data=request.data)
        asked.is_valid(raise_exception=True)
        by_venue = {"polymarket": onboarding_polymarket, "kalshi": onboarding_kalshi}
        try:
            by_venue[row.venue].prove(
                account=row.account, with_trial=asked.validated_data["with_trial"], now=clock.now()
            )
        except PROBLEMS as why:
            raise Refused(str(why)) from None
        row.refresh_from_db()
        return Response(CredentialOut(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a key away, once nothing of ours is open at its venue."""
        row = self.get_object()
        by = person(request).username
        try:
            onboarding.forget(account=row.account, venue=row.venue, by=by, now=clock.now())
        except PROBLEMS as why:
            raise Refused(str(why)) from None
        return Response(status=204)
