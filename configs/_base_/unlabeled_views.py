# Views of unlabeled images, for data with small networks and crops.
_base_ = './mild_color_jitter.py'

random_flip = dict(type='RandomFlip', prob=0.5)
pack_views = dict(type='PackViews')
# For DCC: two windows.
augmentation = [random_flip, _base_.color_jitter]
paired_views = dict(
    type='MultiView',
    views=dict(
        a=dict(window=0, transforms=augmentation),
        b=dict(window=1, transforms=augmentation)))
# For the other methods: one window, strong views of the stock strength.
strong_augmentation = [
    dict(type='FastPhotoMetricDistortion'),
    dict(type='RandomGaussianBlur', prob=0.5, sigma_range=(0.1, 1.0)),
]
strong_view = dict(
    type='MultiView', views=dict(weak=[], strong1=strong_augmentation))
# For DCC beside them: a second window of the strong view.
strong_pairs = dict(
    type='MultiView',
    views=dict(
        weak=[],
        strong1=strong_augmentation,
        strong2=dict(
            window=1, transforms=[*strong_augmentation, random_flip])))
