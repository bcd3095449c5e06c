"""Paper money never becomes real by an edit, nor real money paper."""

from django.db import migrations

KEEP = """
CREATE FUNCTION check_account_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an account keeps the kind of its money: open another one'
    USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER account_keeps_its_money BEFORE UPDATE OF mode ON accounts_account
  FOR EACH ROW WHEN ((OLD.mode = 'PAPER') IS DISTINCT FROM (NEW.mode = 'PAPER'))
  EXECUTE FUNCTION check_account_money();
"""
DROP = """
DROP TRIGGER account_keeps_its_money ON accounts_account;
DROP FUNCTION check_account_money();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_venue_credential")]

    operations = [migrations.RunSQL(KEEP, DROP)]
