custom_imports = dict(imports=['mmseg_dcc'], allow_failed_imports=False)
default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
visualizer = dict(
    type='SegLocalVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer')
log_level = 'INFO'
load_from = None
resume = False
# The same seeds of sampler, workers and model in every run and after a resume.
randomness = dict(seed=0)
tta_model = dict(type='SegTTAModel')
