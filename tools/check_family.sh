#!/usr/bin/env bash
# Installs the last commit into a fresh environment, with one family of
# OpenMMLab, and runs a few tests there: import, loss and memory bank against
# recorded values, a training of a few steps, commands and configs of the wheel.
#   bash tools/check_family.sh lite|full|onedl [options of pytest]
# PYTHON3 chooses the interpreter, TORCH the build (default: torch==2.13.0),
# VENV a folder for the environment that is kept.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FAMILY=${1:?usage: check_family.sh lite|full|onedl [options of pytest]}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
VENV=${VENV:-$WORK/venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

"${PYTHON3:-python3}" -m venv "$VENV"
"$VENV/bin/python" -m pip install --quiet "${TORCH:-torch==2.13.0}"
mkdir "$WORK/source"
git -C "$ROOT" archive HEAD | tar -x -C "$WORK/source"
cd "$WORK/source"
# the one command that a user types, and what the tests import
"$VENV/bin/python" -m pip install --quiet ".[$FAMILY]" \
    hypothesis model-index psutil pytest wheel
"$VENV/bin/python" -m pip list 2>/dev/null |
    grep -iE '^(torch|numpy|setuptools|opencv|mmcv|mmengine|mmseg|onedl)' || true
"$VENV/bin/python" --version
git init --quiet # so that the test of the wheel finds its files
"$VENV/bin/python" -m pytest -q tests/test_compat.py tests/test_packaging.py \
    tests/test_models/test_losses/test_directional_contrastive_loss.py \
    tests/test_models/test_feature_memory_bank.py \
    tests/test_models/test_terms/test_directional_contrast_golden.py \
    tests/test_docs.py::test_example_trains_across_the_end_of_the_warmup \
    "${@:2}"
