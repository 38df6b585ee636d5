#!/usr/bin/env bash
# Trains, tests and pictures a comparison of supervised training, DCC and
# ClassMix on a demo data set, from an empty machine:
#   bash tools/quickstart.sh [options of tools/paper/reproduce.py]
#   bash tools/quickstart.sh --image my_photo.jpg  # and predicts a photo
set -euo pipefail
image=
options=()
while (($#)); do
    if [ "$1" = '--image' ]; then
        image=$(realpath -e -- "${2:?--image: expected the path of a photo}")
        shift
    else
        options+=("$1")
    fi
    shift
done
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
setup_env "$ROOT/requirements/tested.txt"
cd "$ROOT"
# Deprecation warnings of other packages are of no use here.
export PYTHONWARNINGS=ignore
out=work_dirs/quickstart
"$PYTHON" tools/paper/make_demo_dataset.py
"$PYTHON" tools/paper/reproduce.py \
    --configs configs/demo/segformer_lite0_demo_ \
    --methods supervised dcc classmix --equal-cost --work-dir $out \
    ${options[@]+"${options[@]}"}
if [ -n "$image" ]; then
    trained=$out/segformer_lite0_demo_classmix/seed_0
    "$PYTHON" tools/predict.py "$(cat $trained/last_checkpoint)" "$image" \
        --out $out/image
fi
