# The head of DeepLabv3+ as the paper's code has it: plain convolutions where
# mmseg's are separable. It only adds a name, so that it merges with every
# DeepLabv3+ config: `model = dict(decode_head=_base_.plain_head)`.
plain_head = dict(type='PlainDeepLabV3PlusHead')
