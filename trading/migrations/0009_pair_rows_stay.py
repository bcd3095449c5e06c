"""Below the ORM: a pair trade keeps its mode, and what was said of it is never changed."""

from django.db import migrations

KEEP = """
CREATE TRIGGER pair_event_append_only BEFORE UPDATE OR DELETE ON trading_pairevent
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER pair_approval_append_only BEFORE UPDATE OR DELETE ON markets_pairapproval
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER pair_trade_keeps_its_mode BEFORE UPDATE OF mode ON trading_pairtrade
  FOR EACH ROW WHEN (OLD.mode IS DISTINCT FROM NEW.mode) EXECUTE FUNCTION check_order_mode();
"""
DROP = """
DROP TRIGGER pair_event_append_only ON trading_pairevent;
DROP TRIGGER pair_approval_append_only ON markets_pairapproval;
DROP TRIGGER pair_trade_keeps_its_mode ON trading_pairtrade;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0008_pair_trades"),
        ("markets", "0004_games_and_pairs"),
    ]

    operations = [migrations.RunSQL(KEEP, DROP)]
