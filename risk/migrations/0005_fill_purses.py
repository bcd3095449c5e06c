"""Give each account for real money the purse that its cash was in so far: its wallet."""

from typing import Any

from django.db import migrations


def fill(apps: Any, schema_editor: Any) -> None:
    states = apps.get_model("risk", "RiskState").objects.exclude(account__mode="PAPER")
    purse = apps.get_model("risk", "Purse")
    for state in states.iterator():
        purse.objects.get_or_create(
            account_id=state.account_id,
            venue="polymarket",
            shard=0,
            defaults={"cash": state.cash},
        )


class Migration(migrations.Migration):
    dependencies = [("risk", "0004_purses")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
