"""Keep an account's sums with the rows they sum, whoever writes those rows."""

from django.db import migrations

# A row's part of the tally. Statements of history are few for one account at a time, and run under
# its RiskState, so that the tally's row is not fought over.
ADD = """
CREATE FUNCTION tally_add(
  who uuid, d_cash numeric, d_positions numeric, d_realised numeric, d_capital numeric,
  d_fees numeric, d_trades bigint, d_wins bigint, d_losses bigint, d_roi numeric, d_rois bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- What is taken away is taken from a row that is there: a new one begins with what is added.
  UPDATE trading_tally t SET
    cash = t.cash + d_cash, positions = t.positions + d_positions,
    realised = t.realised + d_realised, capital = t.capital + d_capital, fees = t.fees + d_fees,
    trades = t.trades + d_trades, wins = t.wins + d_wins, losses = t.losses + d_losses,
    roi_sum = t.roi_sum + d_roi, roi_count = t.roi_count + d_rois
   WHERE t.account_id = who;
  IF FOUND THEN RETURN; END IF;
  INSERT INTO trading_tally AS t (account_id, cash, positions, realised, capital, fees, trades,
         wins, losses, roi_sum, roi_count)
  VALUES (who, d_cash, d_positions, d_realised, d_capital, d_fees, d_trades, d_wins, d_losses,
          d_roi, d_rois)
  ON CONFLICT (account_id) DO UPDATE SET
    cash = t.cash + d_cash, positions = t.positions + d_positions,
    realised = t.realised + d_realised, capital = t.capital + d_capital, fees = t.fees + d_fees,
    trades = t.trades + d_trades, wins = t.wins + d_wins, losses = t.losses + d_losses,
    roi_sum = t.roi_sum + d_roi, roi_count = t.roi_count + d_rois;
END $$;
"""

POSTINGS = """
CREATE FUNCTION tally_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM tally_add(e.account_id,
      coalesce(sum(n.amount) FILTER (WHERE n.book = 'CASH'), 0),
      coalesce(sum(n.amount) FILTER (WHERE n.book = 'POSITIONS'), 0),
      coalesce(sum(n.amount) FILTER (WHERE n.book = 'REALISED'), 0),
      coalesce(sum(n.amount) FILTER (WHERE n.book = 'CAPITAL'), 0),
      0, 0, 0, 0, 0, 0)
    FROM new_rows n JOIN trading_entry e ON e.id = n.entry_id
   GROUP BY e.account_id ORDER BY e.account_id;
  RETURN NULL;
END $$;
CREATE TRIGGER posting_tallied AFTER INSERT ON trading_posting
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_postings();
"""

FILLS = """
CREATE FUNCTION tally_fills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM tally_add(account_id, 0, 0, 0, 0, sum(fee), 0, 0, 0, 0, 0)
      FROM new_rows WHERE settlement <> 'FAILED' GROUP BY account_id ORDER BY account_id;
  ELSE
    PERFORM tally_add(account_id, 0, 0, 0, 0, sum(fee), 0, 0, 0, 0, 0)
      FROM (SELECT account_id, fee FROM new_rows WHERE settlement <> 'FAILED'
            UNION ALL SELECT account_id, -fee FROM old_rows WHERE settlement <> 'FAILED') both_rows
     GROUP BY account_id HAVING sum(fee) <> 0 ORDER BY account_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER fill_tallied AFTER INSERT ON trading_fill
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_fills();
CREATE TRIGGER fill_tallied_again AFTER UPDATE ON trading_fill
  REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tally_fills();
"""

POSITIONS = """
CREATE FUNCTION tally_position() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was boolean := TG_OP = 'UPDATE' AND OLD.closed_at IS NOT NULL;
  is_closed boolean := NEW.closed_at IS NOT NULL;
  before numeric := 0;
BEGIN
  IF NOT was AND NOT is_closed THEN RETURN NULL; END IF;
  IF was THEN
    IF OLD.bought_cost <> 0 THEN before := 100 * OLD.realised / OLD.bought_cost; END IF;
    PERFORM tally_add(OLD.account_id, 0, 0, 0, 0, 0, -1, -(OLD.realised > 0)::int,
      -(OLD.realised < 0)::int, -before, -(OLD.bought_cost <> 0)::int);
  END IF;
  IF is_closed THEN
    before := 0;
    IF NEW.bought_cost <> 0 THEN before := 100 * NEW.realised / NEW.bought_cost; END IF;
    PERFORM tally_add(NEW.account_id, 0, 0, 0, 0, 0, 1, (NEW.realised > 0)::int,
      (NEW.realised < 0)::int, before, (NEW.bought_cost <> 0)::int);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER position_tallied AFTER INSERT OR UPDATE ON trading_position
  FOR EACH ROW EXECUTE FUNCTION tally_position();
"""

POINTS = """
CREATE FUNCTION tally_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO trading_tally AS t (account_id, max_drawdown)
  SELECT account_id, greatest(max((high_water - equity) / high_water), 0)::float8
    FROM new_rows WHERE high_water > 0 GROUP BY account_id ORDER BY account_id
  ON CONFLICT (account_id) DO UPDATE SET max_drawdown = excluded.max_drawdown
   WHERE excluded.max_drawdown > t.max_drawdown;
  RETURN NULL;
END $$;
CREATE TRIGGER equity_point_tallied AFTER INSERT ON trading_equitypoint
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_points();
CREATE TRIGGER equity_point_tallied_again AFTER UPDATE ON trading_equitypoint
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_points();
"""

SUM_UP = """
INSERT INTO trading_tally (account_id, cash, positions, realised, capital, fees, trades, wins,
       losses, roi_sum, roi_count, max_drawdown)
SELECT a.id, coalesce(p.cash, 0), coalesce(p.positions, 0), coalesce(p.realised, 0),
       coalesce(p.capital, 0), coalesce(f.fees, 0), coalesce(c.trades, 0), coalesce(c.wins, 0),
       coalesce(c.losses, 0), coalesce(c.roi, 0), coalesce(c.rois, 0), coalesce(e.worst, 0)
  FROM accounts_account a
  LEFT JOIN (SELECT n.account_id,
                    sum(amount) FILTER (WHERE book = 'CASH') AS cash,
                    sum(amount) FILTER (WHERE book = 'POSITIONS') AS positions,
                    sum(amount) FILTER (WHERE book = 'REALISED') AS realised,
                    sum(amount) FILTER (WHERE book = 'CAPITAL') AS capital
               FROM trading_posting l JOIN trading_entry n ON n.id = l.entry_id
              GROUP BY 1) p ON p.account_id = a.id
  LEFT JOIN (SELECT account_id, sum(fee) AS fees FROM trading_fill
              WHERE settlement <> 'FAILED' GROUP BY 1) f ON f.account_id = a.id
  LEFT JOIN (SELECT account_id, count(*) AS trades, count(*) FILTER (WHERE realised > 0) AS wins,
                    count(*) FILTER (WHERE realised < 0) AS losses,
                    sum(100 * realised / bought_cost) FILTER (WHERE bought_cost <> 0) AS roi,
                    count(*) FILTER (WHERE bought_cost <> 0) AS rois
               FROM trading_position WHERE closed_at IS NOT NULL GROUP BY 1) c
    ON c.account_id = a.id
  LEFT JOIN (SELECT account_id,
                    greatest(max((high_water - equity) / high_water), 0)::float8 AS worst
               FROM trading_equitypoint WHERE high_water > 0 GROUP BY 1) e ON e.account_id = a.id;
"""

DROP = """
DROP TRIGGER posting_tallied ON trading_posting;
DROP TRIGGER fill_tallied ON trading_fill;
DROP TRIGGER fill_tallied_again ON trading_fill;
DROP TRIGGER position_tallied ON trading_position;
DROP TRIGGER equity_point_tallied ON trading_equitypoint;
DROP TRIGGER equity_point_tallied_again ON trading_equitypoint;
DROP FUNCTION tally_postings();
DROP FUNCTION tally_fills();
DROP FUNCTION tally_position();
DROP FUNCTION tally_points();
DROP FUNCTION tally_add(uuid, numeric, numeric, numeric, numeric, numeric, bigint, bigint, bigint,
                        numeric, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0013_tallies_and_chapters")]

    operations = [
        migrations.RunSQL(SUM_UP, migrations.RunSQL.noop),
        migrations.RunSQL("".join([ADD, POSTINGS, FILLS, POSITIONS, POINTS]), DROP),
    ]
