#!/usr/bin/env bash
# Tests on several GPUs, or on CPU processes if there is no GPU:
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]
source "$(dirname "${BASH_SOURCE[0]}")/dist_run.sh"
USAGE='usage: dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]'
run_on_gpus test.py "${3:?$USAGE}" "$1" "$2" "${@:4}"
