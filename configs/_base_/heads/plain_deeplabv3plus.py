# DeepLabv3+ head of the paper's code: plain instead of separable convolutions.
# It only defines a new name, so that it merges with every DeepLabv3+ config:
# `model = dict(decode_head=_base_.plain_head)`.
plain_head = dict(type='PlainDeepLabV3PlusHead')
