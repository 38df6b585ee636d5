# DC beside another method that begins after supervised training, from few
# masks and small batches.
late_dc_term = dict(
    type='DirectionalContrast',
    views=('strong1', 'strong2'),
    stride=8,
    projector=dict(type='PixelProjector', out_channels=128),
    bank=dict(type='FeatureMemoryBank', rows=256, steps=4),
    loss=dict(type='DirectionalContrastiveLoss'))
