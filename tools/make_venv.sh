#!/bin/sh
# Makes .venv, or brings it up to date, and installs securefed into it: with its models, with what
# a site runs, with what reports are written with, and with the development tools.
#
# It needs Python 3.11 or 3.12 with its venv module and nothing else. PYTHON=/path chooses one. An
# existing .venv is kept when its Python still runs and still is one of these. It never touches
# anything outside .venv, and it ends with an error rather than a half-made environment.
#
# On Linux the public wheel of torch brings gigabytes of CUDA along. Where pip finds a CPU-only wheel
# of the same version (PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL can point it to one), it is taken: torch
# is installed first and by itself, so that nothing else in the set decides which wheel it is.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
extras=demo,dev,models,onnx,pdf,report,site

usable='import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
name='import sys; print("Python %d.%d.%d at %s" % (*sys.version_info[:3], sys.executable))'

pick_python() {
    for candidate in ${PYTHON:-python3.11 python3.12 python3 python}; do
        if "$candidate" -c "$usable" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "No usable Python: ${PYTHON:-python3.11, python3.12, python3} is absent or of another version." >&2
    echo "securefed needs Python 3.11 or 3.12 with its venv module (Debian: apt install python3-venv)." >&2
    echo "Install one, or name it: make PYTHON=/path/to/python3.11" >&2
    exit 2
}

began=$(date +%s)
if [ -z "${PYTHON:-}" ] && "$venv/bin/python" -c "$usable" 2>/dev/null; then
    echo "[1/3] $venv is kept: $("$venv/bin/python" -c "$name")"
else
    python=$(pick_python)
    echo "[1/3] $venv is made with $("$python" -c "$name")"
    "$python" -m venv --clear "$venv"
fi
echo "[2/3] the versions of constraints.txt are installed (some minutes the first time)"
pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --constraint constraints.txt "$@"
}
pip_install torch
pip_install --editable ".[$extras]"
echo "[3/3] $venv is ready after $(($(date +%s) - began)) s"
