#!/usr/bin/env bash
# Trains, tests and pictures a comparison of supervised training and DCC on a
# demo data set, from an empty machine:
#   bash tools/quickstart.sh [options of tools/paper/reproduce.py]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
setup_env "$ROOT/requirements/tested.txt"
cd "$ROOT"
# Deprecation warnings of other packages are of no use here.
export PYTHONWARNINGS=ignore
"$PYTHON" tools/paper/make_demo_dataset.py
exec "$PYTHON" tools/paper/reproduce.py \
    --configs configs/demo/deeplabv3plus_small_demo_ \
    --work-dir work_dirs/quickstart "$@"
