# Second training on the masks of the network that the mean teacher trained,
# from tools/make_pseudo_masks.py --tta.
_base_ = './segformer_lite0_msrc21_1-8_self_training.py'
