"""An order that rested may need a person too: the venue claims a match that its trades never tell.

The whole list again, as `trading.domain.order_state.NEXT` has it; a test compares the two.
"""

from django.db import migrations

MOVES = """
CREATE OR REPLACE FUNCTION order_move_is_legal(old_state text, new_state text) RETURNS boolean
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
    ('DELAYED', 'MANUAL'),
    ('LIVE', 'PARTIAL'), ('LIVE', 'FILLED'), ('LIVE', 'CANCELED'), ('LIVE', 'EXPIRED'),
    ('LIVE', 'CANCEL_PENDING'), ('LIVE', 'MANUAL'),
    ('PARTIAL', 'FILLED'), ('PARTIAL', 'CANCELED'), ('PARTIAL', 'EXPIRED'),
    ('PARTIAL', 'CANCEL_PENDING'), ('PARTIAL', 'MANUAL'),
    ('CANCEL_PENDING', 'CANCELED'), ('CANCEL_PENDING', 'FILLED'), ('CANCEL_PENDING', 'PARTIAL'),
    ('CANCEL_PENDING', 'UNKNOWN'), ('CANCEL_PENDING', 'MANUAL'),
    ('CANCELED', 'FILLED'), ('EXPIRED', 'FILLED'),
    ('MANUAL', 'FILLED'), ('MANUAL', 'CANCELED'), ('MANUAL', 'REJECTED'), ('MANUAL', 'ABSENT')
  )
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0005_real_orders")]

    operations = [migrations.RunSQL(MOVES, migrations.RunSQL.noop)]
