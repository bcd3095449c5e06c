"""A pytest plugin that starts the test servers before Django reads its settings.

They keep their data in a folder of their own, thrown away at the end, unless DATABASE_URL and
REDIS_URL name others.
"""

import atexit
import os
import shutil
import tempfile

if "POLYMIX_TEST_HOME" not in os.environ:  # the controller; xdist's workers inherit its choice
    folder = tempfile.mkdtemp(prefix="polymix-test-")
    os.environ["POLYMIX_TEST_HOME"] = folder
    os.environ["POLYMIX_HOME"] = folder
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # Tests speak plain HTTP to loopback: no client need read the world's certificates first.
    os.environ["SSL_CERT_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

from polymix import embedded

embedded.use(durable=False)
