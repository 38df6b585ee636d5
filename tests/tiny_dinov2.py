"""DINOv2 of two narrow layers and weights with the official names."""
import torch

DIMS, HEADS, HIDDEN, LAYERS, PATCH = 8, 2, 16, 4, 14
ARCH = dict(
    embed_dims=DIMS,
    num_layers=LAYERS,
    num_heads=HEADS,
    feedforward_channels=HIDDEN)
BACKBONE = dict(type='DINOv2', arch=ARCH, img_size=28)
DPT_HEAD = dict(
    type='DINOv2DPTHead',
    in_channels=[DIMS] * 4,
    in_index=[0, 1, 2, 3],
    channels=4,
    post_process_channels=[4, 4, 6, 8],
    dropout_ratio=0.,
    align_corners=True,
    num_classes=3)
LINEAR_HEAD = dict(
    type='FCNHead',
    in_channels=[DIMS] * 4,
    in_index=[0, 1, 2, 3],
    input_transform='resize_concat',
    channels=4 * DIMS,
    num_convs=0,
    concat_input=False,
    dropout_ratio=0.,
    num_classes=3)


def official_weights(seed=0, side=2):
    """Random weights as in ``dinov2_vits14_pretrain.pth``, all far from 0."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator) * 0.5

    weights = dict(
        cls_token=draw(1, 1, DIMS),
        pos_embed=draw(1, 1 + side * side, DIMS),
        mask_token=draw(1, DIMS))
    shapes = {
        'patch_embed.proj': (DIMS, 3, PATCH, PATCH),
        'norm': (DIMS, )
    }
    for block in range(LAYERS):
        shapes.update({
            f'blocks.{block}.{name}': shape
            for name, shape in {
                'norm1': (DIMS, ),
                'attn.qkv': (3 * DIMS, DIMS),
                'attn.proj': (DIMS, DIMS),
                'norm2': (DIMS, ),
                'mlp.fc1': (HIDDEN, DIMS),
                'mlp.fc2': (DIMS, HIDDEN),
            }.items()
        })
        for scale in ('ls1', 'ls2'):
            weights[f'blocks.{block}.{scale}.gamma'] = 1 + draw(DIMS)
    for name, shape in shapes.items():
        weights[f'{name}.weight'] = draw(*shape)
        weights[f'{name}.bias'] = draw(shape[0])
    return weights
