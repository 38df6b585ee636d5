"""Access to the recordings of CCT that several tests need."""
from mmseg_dcc.models.auxiliary_decoders import AuxiliaryDecoder


def decoder_of(recorded, prefix):
    """Decoder with the recorded weights."""
    weights = [
        recorded[f'{prefix}_{name}'] for name in (
            'w0', 'w1', 'b1', 'w2', 'b2', 'w3', 'b3')
        if f'{prefix}_{name}' in recorded
    ]
    decoder = AuxiliaryDecoder(
        weights[0].shape[1], len(weights[0]),
        2**(len(weights) // 2)).to(weights[0].dtype)
    parameters = list(decoder.parameters())
    assert len(parameters) == len(weights)
    for parameter, weight in zip(parameters, weights):
        parameter.data.copy_(weight)
    return decoder


def recorded_cutouts(recorded, name='gcut_boxes', images=2):
    """Boxes that were set to 0, for each image."""
    cutouts = [[] for _ in range(images)]
    for row in recorded[name].tolist():
        image, *_, top, bottom, left, right = row
        cutouts[image].append((top, left, bottom, right))
    return cutouts
