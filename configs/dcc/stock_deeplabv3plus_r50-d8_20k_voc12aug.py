# Stock config of MMSegmentation turned into a DCC config. The network is the
# stock one (output stride 8, deep stem, auxiliary head).
_base_ = [
    'mmseg::deeplabv3plus/deeplabv3plus_r50-d8_4xb4-20k_voc12aug-512x512.py',
    '../_base_/methods/dcc.py'
]
custom_imports = dict(imports=['mmseg_dcc'], allow_failed_imports=False)
model = _base_.dcc_model
train_dataloader = dict(_base_.dcc_dataloader, _delete_=True)
train_dataloader['dataset']['datasets'] = [
    _base_.train_dataloader.dataset,
    dict(
        type='UnlabeledDataset',
        data_root='data/photos',  # any folder of images
        pipeline=_base_.dcc_unlabeled_pipeline)
]
custom_hooks = _base_.dcc_hooks
