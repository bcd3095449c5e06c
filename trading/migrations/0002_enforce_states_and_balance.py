"""Below the ORM: the order state table, append-only rows, and entries that sum to zero.

The list of moves repeats `trading.domain.order_state.NEXT`; a test compares the two.
"""

from django.db import migrations

ORDER_MOVES = """
CREATE FUNCTION order_move_is_legal(old_state text, new_state text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT (old_state, new_state) IN (
    ('PROPOSED', 'AWAITING_APPROVAL'), ('PROPOSED', 'RESERVED'), ('PROPOSED', 'DENIED'),
    ('AWAITING_APPROVAL', 'RESERVED'), ('AWAITING_APPROVAL', 'DENIED'),
    ('RESERVED', 'PREPARED'), ('RESERVED', 'DENIED'),
    ('PREPARED', 'SENDING'), ('PREPARED', 'DENIED'),
    ('SENDING', 'LIVE'), ('SENDING', 'DELAYED'), ('SENDING', 'PARTIAL'), ('SENDING', 'FILLED'),
    ('SENDING', 'CANCELED'), ('SENDING', 'EXPIRED'), ('SENDING', 'REJECTED'),
    ('SENDING', 'UNKNOWN'),
    ('UNKNOWN', 'LIVE'), ('UNKNOWN', 'PARTIAL'), ('UNKNOWN', 'FILLED'), ('UNKNOWN', 'CANCELED'),
    ('UNKNOWN', 'REJECTED'), ('UNKNOWN', 'ABSENT'), ('UNKNOWN', 'MANUAL'),
    ('DELAYED', 'LIVE'), ('DELAYED', 'PARTIAL'), ('DELAYED', 'FILLED'), ('DELAYED', 'CANCELED'),
    ('DELAYED', 'EXPIRED'), ('DELAYED', 'REJECTED'), ('DELAYED', 'CANCEL_PENDING'),
    ('LIVE', 'PARTIAL'), ('LIVE', 'FILLED'), ('LIVE', 'CANCELED'), ('LIVE', 'EXPIRED'),
    ('LIVE', 'CANCEL_PENDING'),
    ('PARTIAL', 'FILLED'), ('PARTIAL', 'CANCELED'), ('PARTIAL', 'EXPIRED'),
    ('PARTIAL', 'CANCEL_PENDING'),
    ('CANCEL_PENDING', 'CANCELED'), ('CANCEL_PENDING', 'FILLED'), ('CANCEL_PENDING', 'PARTIAL'),
    ('CANCEL_PENDING', 'UNKNOWN'),
    ('CANCELED', 'FILLED'), ('EXPIRED', 'FILLED'),
    ('MANUAL', 'FILLED'), ('MANUAL', 'CANCELED'), ('MANUAL', 'REJECTED'), ('MANUAL', 'ABSENT')
  )
$$;

CREATE FUNCTION check_order_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT order_move_is_legal(OLD.state, NEW.state) THEN
    RAISE EXCEPTION 'an order cannot go from % to %', OLD.state, NEW.state
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER order_moves_by_the_table BEFORE UPDATE OF state ON trading_order
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION check_order_move();

CREATE FUNCTION check_order_mode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an order keeps the mode it was born in' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER order_keeps_its_mode BEFORE UPDATE OF mode ON trading_order
  FOR EACH ROW WHEN (OLD.mode IS DISTINCT FROM NEW.mode) EXECUTE FUNCTION check_order_mode();
"""

DROP_ORDER_MOVES = """
DROP TRIGGER order_moves_by_the_table ON trading_order;
DROP TRIGGER order_keeps_its_mode ON trading_order;
DROP FUNCTION check_order_move();
DROP FUNCTION check_order_mode();
DROP FUNCTION order_move_is_legal(text, text);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER order_event_append_only BEFORE UPDATE OR DELETE ON trading_orderevent
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON trading_decision
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON trading_entry
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON trading_posting
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

DROP_APPEND_ONLY = """
DROP TRIGGER order_event_append_only ON trading_orderevent;
DROP TRIGGER decision_append_only ON trading_decision;
DROP TRIGGER entry_append_only ON trading_entry;
DROP TRIGGER posting_append_only ON trading_posting;
DROP FUNCTION refuse_change();
"""

BALANCED = """
CREATE FUNCTION check_entry_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong numeric;
  lines integer;
  entry uuid;
BEGIN
  IF TG_TABLE_NAME = 'trading_entry' THEN entry := NEW.id; ELSE entry := NEW.entry_id; END IF;
  SELECT coalesce(sum(amount), 0), count(*) INTO wrong, lines
    FROM trading_posting WHERE entry_id = entry;
  IF wrong <> 0 OR lines < 2 THEN
    RAISE EXCEPTION 'entry % has % postings that sum to %', entry, lines, wrong
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER posting_balances AFTER INSERT ON trading_posting
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry_balance();
CREATE CONSTRAINT TRIGGER entry_balances AFTER INSERT ON trading_entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry_balance();
"""

DROP_BALANCED = """
DROP TRIGGER posting_balances ON trading_posting;
DROP TRIGGER entry_balances ON trading_entry;
DROP FUNCTION check_entry_balance();
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0001_initial")]

    operations = [
        migrations.RunSQL(ORDER_MOVES, DROP_ORDER_MOVES),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
        migrations.RunSQL(BALANCED, DROP_BALANCED),
    ]
