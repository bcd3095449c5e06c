#!/bin/sh
# Makes .venv and installs one of the pinned sets: `sh requirements/install.sh base|dev`.
set -eu
set_name=$1
say() { printf '%s\n' "$*" >&2; }

find_python() {
    for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
    say "PolyMix needs Python 3.11 or newer. Install it, or name it: make up PYTHON=/path/to/python3.11"
    exit 1
}

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    say "Making .venv with $python ..."
    "$python" -m venv --clear .venv || {
        say "Python could not make .venv. Is there room on the disk? On Debian and Ubuntu: apt-get install python3-venv."
        exit 1
    }
fi
say "Installing the pinned $set_name requirements ..."
# Compiled here once: every process of PolyMix then starts in a third of the time, even where
# Python may not write beside its packages.
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt &&
    .venv/bin/python -m uv pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r "requirements/$set_name.txt" || {
    say "Installing failed, see above. It needs the Python package index and about 600 MB of disk. Nothing else was changed; run it again."
    exit 1
}
touch ".venv/.$set_name-ready"
