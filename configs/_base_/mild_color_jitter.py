# Half the stock strength: a small network learns little from strong jitter.
color_jitter = dict(
    type='PhotoMetricDistortion',
    brightness_delta=16,
    contrast_range=(0.75, 1.25),
    saturation_range=(0.75, 1.25),
    hue_delta=9)
