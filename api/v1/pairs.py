"""Opportunities, pairs with their dossiers, and what became of pair trades."""

from django_filters.rest_framework import BooleanFilter, CharFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import OfAccount, Rows, WithFactor, person, prove
from api.problems import Refused
from markets import clock, pairing
from markets.models import Opportunity, Pair
from trading.models import PairTrade


class OpportunityOut(serializers.ModelSerializer[Opportunity]):
    game = serializers.CharField(source="pair.game")
    league = serializers.CharField(source="pair.game.league")

    class Meta:
        model = Opportunity
        fields = (
            "id",
            "pair",
            "game",
            "league",
            "route",
            "first_seen",
            "last_seen",
            "ended_at",
            "shares",
            "first_price",
            "second_price",
            "capital",
            "fees",
            "gross",
            "net",
            "best_edge",
            "worst",
            "worst_branch",
            "points",
        )
        read_only_fields = fields


class OpportunityFilter(FilterSet):
    live = BooleanFilter(field_name="ended_at", lookup_expr="isnull")
    league = CharFilter(field_name="pair__game__league")


class Opportunities(Rows):
    """Gaps between the two venues, net of fees and of the reserve; `?live=true` for now."""

    queryset = Opportunity.objects.select_related("pair__game")
    serializer_class = OpportunityOut
    filterset_class = OpportunityFilter
    owner = ""
    ordering = ("-last_seen", "-id")


class PairOut(serializers.ModelSerializer[Pair]):
    game = serializers.CharField()
    league = serializers.CharField(source="game.league")

    class Meta:
        model = Pair
        fields = (
            "id",
            "game",
            "league",
            "event",
            "state",
            "is_standard",
            "rules_hash",
            "reading",
            "texts",
            "starts_at",
            "blocked_why",
            "frozen_why",
            "changed_at",
            "seen_at",
        )
        read_only_fields = fields


class JudgeIn(WithFactor):
    approve = serializers.BooleanField(help_text="or refuse")
    rules_hash = serializers.CharField(max_length=64, help_text="of the texts that were read")
    note = serializers.CharField(max_length=4000, default="", allow_blank=True)


class Pairs(Rows):
    """Contracts of both venues judged the same, with the dossier that says so."""

    queryset = Pair.objects.select_related("game")
    serializer_class = PairOut
    owner = ""
    ordering = ("-seen_at", "-id")

    @extend_schema(request=JudgeIn, responses=PairOut)
    @action(detail=True, methods=["post"])
    def judge(self, request: Request, pk: str) -> Response:
        """Approve or refuse a pair, for your accounts and these texts alone."""
        pair, asked = self.get_object(), JudgeIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given, user, proof = asked.validated_data, person(request), None
        now = clock.database_now()
        if given["approve"] and pairing.needs_factor(user):
            digests = [pairing.digest_of(pair.pk, given["rules_hash"])]
            proof = prove(request, digests=digests, now=now)
        try:
            pairing.approve(
                pair_id=pair.pk,
                user=user,
                is_approved=given["approve"],
                shown=given["rules_hash"],
                note=given["note"],
                now=now,
                proof=proof,
            )
        except pairing.NotApproved as why:
            raise Refused(str(why)) from why
        return Response(PairOut(pair).data)


class PairTradeOut(serializers.ModelSerializer[PairTrade]):
    game = serializers.CharField()

    class Meta:
        model = PairTrade
        fields = (
            "id",
            "account",
            "pair",
            "opportunity",
            "game",
            "route",
            "mode",
            "state",
            "shares",
            "expected",
            "expected_net",
            "worst_loss",
            "figures",
            "unhedged_at",
            "hedged_at",
            "ended_at",
            "settled_at",
            "realised",
            "explained",
            "created_at",
        )
        read_only_fields = fields


class PairTradeFilter(OfAccount):
    state = CharFilter()


class PairTrades(Rows):
    """Trades of two legs; they are approved as the order of their first leg."""

    queryset = PairTrade.objects.select_related("game")
    serializer_class = PairTradeOut
    filterset_class = PairTradeFilter
    ordering = ("-created_at", "-id")
