# Half of the stock strength: strong jitter does not help a small network.
color_jitter = dict(
    type='PhotoMetricDistortion',
    brightness_delta=16,
    contrast_range=(0.75, 1.25),
    saturation_range=(0.75, 1.25),
    hue_delta=9)
