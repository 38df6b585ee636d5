#!/usr/bin/env bash
# Sets up an environment and runs lint and tests:
#   bash tools/run_tests.sh [options of pytest]
#   bash tools/run_tests.sh -m 'not slow'  # no trainings by commands, no sweeps
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
setup_env "$ROOT/requirements/tested.txt" "$ROOT/requirements/tests.txt"
cd "$ROOT"
export MMPRETRAIN_SITE=$VENV/mmpretrain
if ! [ -d "$MMPRETRAIN_SITE" ]; then
    "$PYTHON" -m pip install --quiet --no-deps --target "$MMPRETRAIN_SITE" \
        -r requirements/mmpretrain.txt
fi
# The networks of the tests are so small that threads would mostly wait.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
PATH=$VENV/bin:$PATH "$PYTHON" -m pre_commit run --all-files
# The tests of a file share trainings, so each file runs in one process.
exec "$PYTHON" -m pytest -q -n 2 --dist loadfile tests "$@"
