# Baseline without image-level labels: DCC of the demo.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
