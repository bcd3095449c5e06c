"""Who may join and who gets in: invitations, second factors, and the door of the admin."""

from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.core.management import call_command
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts import invitations
from accounts.models import Invitation, User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
JOIN = {"username": "bea", "password1": "long-enough-9", "password2": "long-enough-9"}


def link(note: str = "", **rest) -> str:
    _, token = invitations.invite(by="ana", note=note, now=timezone.now(), **rest)
    return reverse("invitation", args=[token])


def test_nobody_joins_without_an_invitation(db, client):
    page = client.get("/signup/")
    client.post("/signup/", JOIN)

    assert "by invitation" in page.content.decode()
    assert not User.objects.filter(username="bea").exists()


def test_an_invitation_lets_one_person_join(db, client):
    door = link("for Bea")

    form = client.get(door, follow=True)
    client.post("/signup/", JOIN)

    assert "Join this server" in form.content.decode()
    bea = User.objects.get(username="bea")
    assert Invitation.objects.get().used_by == bea
    assert not bea.is_staff
    client.logout()
    again = client.get(door)
    assert again.status_code == 410
    assert "does not work any more" in again.content.decode()


def test_one_link_opened_by_two_people_lets_the_first_join(db, client, client_of_another):
    door = link()
    client.get(door)
    client_of_another.get(door)

    client.post("/signup/", JOIN)
    said = client_of_another.post("/signup/", JOIN | {"username": "cid"}, follow=True)

    assert User.objects.filter(username="bea").exists()
    assert not User.objects.filter(username="cid").exists()
    assert "by invitation" in said.content.decode()


@pytest.fixture
def client_of_another():
    from django.test import Client

    return Client()


@pytest.mark.parametrize("door", ["/invitation/never-made/", None])
def test_a_link_that_is_unknown_or_too_old_makes_nothing(db, client, door):
    door = door or link(lasts=timedelta(seconds=-1))

    assert client.get(door).status_code == 410
    client.post("/signup/", JOIN)

    assert not User.objects.filter(username="bea").exists()


def test_an_invalid_form_does_not_use_the_invitation_up(db, client):
    client.get(link())

    client.post("/signup/", JOIN | {"password2": "another-one-9"})
    client.post("/signup/", JOIN)

    assert User.objects.filter(username="bea").exists()


@override_settings(OPEN_SIGNUP=True)
def test_an_open_server_needs_no_invitation(db, client):
    client.post("/signup/", JOIN)

    assert User.objects.filter(username="bea").exists()


def test_the_command_prints_a_link_that_works(db, client, capsys):
    call_command("invite", "--note", "for Bea", "--server", "https://mix.example/")

    url = capsys.readouterr().out.splitlines()[0]
    assert url.startswith("https://mix.example/invitation/")
    assert client.get(url.removeprefix("https://mix.example")).status_code == 302


@pytest.fixture
def ana(db) -> User:
    cache.clear()
    ana = User.objects.create_user("ana", password="not-a-secret-2026", is_staff=True)
    ana.is_superuser = True
    ana.save()
    return ana


def code(now: int) -> str:
    return format_hotp_value(hotp_value(SECRET, now // 30))


def test_a_second_factor_is_asked_at_sign_in_and_at_the_admins_door(ana, client):
    TOTP.activate(ana, SECRET)

    page = client.post(
        "/login/", {"login": "ana", "password": "not-a-secret-2026"}, follow=True
    ).content.decode()

    assert "code" in page.lower()
    assert client.get("/approvals/").status_code == 302
    client.post("/security/authenticate/", {"code": code(int(timezone.now().timestamp()))})
    assert client.get("/approvals/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_the_admin_can_ask_staff_for_a_second_factor(ana, client):
    client.force_login(ana)
    assert client.get("/admin/").status_code == 200

    with override_settings(ADMIN_NEEDS_FACTOR=True):
        sent_away = client.get("/admin/", follow=True)
        assert "asks for a second factor" in sent_away.content.decode()
        TOTP.activate(ana, SECRET)
        assert client.get("/admin/").status_code == 200


def test_the_admins_own_form_does_not_go_around_the_sign_in(ana, client):
    answer = client.get("/admin/login/?next=/admin/")

    assert answer.status_code == 302
    assert answer.url.startswith("/login/")


def test_the_admin_makes_invitations(ana, client):
    client.force_login(ana)

    said = client.post("/admin/accounts/invitation/add/", {"note": "for Cid"}, follow=True)

    assert "/invitation/" in said.content.decode()
    assert Invitation.objects.get().note == "for Cid"


def test_the_security_page_says_what_is_missing(ana, client):
    client.force_login(ana)

    page = client.get("/security/").content.decode()

    assert "No second factor yet" in page
    assert client.get("/security/devices/").status_code == 200
    assert client.get("/password/change/").status_code == 200
