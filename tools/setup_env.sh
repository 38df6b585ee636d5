# Sourced by quickstart.sh and run_tests.sh: makes .venv beside this folder once
# and installs the requirements. To choose another place or torch version:
#   VENV=/path TORCH=torch==2.4.1 bash tools/quickstart.sh
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${VENV:-$ROOT/.venv}
TORCH=${TORCH:-torch==2.13.0}
export PYTHON=$VENV/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Docker images often set it: each process would compile torch anew, in 6 s.
unset PYTHONDONTWRITEBYTECODE

setup_env() { # REQUIREMENTS_FILE...
    local mark requirements wanted
    # Python compiles what it imports; all modules would take half a minute.
    local pip=("$PYTHON" -m pip install --quiet --no-compile)
    mark=$VENV/installed.txt
    wanted=$(cat "$@" "$ROOT/setup.py")
    if [ -f "$mark" ] && [ "$(cat "$mark")" = "$wanted" ]; then
        return
    fi
    [ -x "$PYTHON" ] || "${PYTHON3:-python3}" -m venv "$VENV"
    if ! "$PYTHON" -c 'import torch' 2>/dev/null; then
        echo "Installing $TORCH (once) ..."
        "${pip[@]}" "$TORCH"
    fi
    echo 'Installing mmsegmentation and other requirements (once) ...'
    for requirements in "$@"; do
        "${pip[@]}" -r "$requirements"
    done
    "${pip[@]}" --no-deps --no-build-isolation -e "$ROOT"
    printf '%s\n' "$wanted" >"$mark"
}
