"""Tests of ``mmseg_dcc/apis/worth_it_report.py``."""
from mmseg_dcc.apis.worth_it import ALL, EQUAL_COST, HALF, METHOD
from mmseg_dcc.apis.worth_it_report import report

IMAGES = {HALF: 10, ALL: 20, 'unlabeled': 300, 'validation': 80}


def results(half, whole, equal, method):
    scores = {HALF: half, ALL: whole, EQUAL_COST: equal, METHOD: method}
    return {
        kind: [
            dict(
                mIoU=score,
                minutes=2.,
                image_passes=1,
                iterations=2300 if kind == EQUAL_COST else 1000)
            for score in of_kind
        ]
        for kind, of_kind in scores.items()
    }


def test_one_seed():
    text = report(results([30.], [36.], [37.], [38.5]), IMAGES, 0.25)
    rows = [line for line in text.splitlines() if line.startswith('| ')]
    assert [[cell.strip() for cell in row.split('|')[2:-1]]
            for row in rows[1:]] == [
                ['10', '0', '1000', '30.0', '2.0'],
                ['20', '0', '1000', '36.0', '2.0'],
                ['20', '0', '2300', '37.0', '2.0'],
                ['20', '300', '1000', '38.5', '2.0'],
            ]
    assert 'Labels: 20 instead of 10 labeled images brought +6.0 mIoU.' in text
    assert ('Photographs: 300 unlabeled ones brought +1.5 mIoU (less than '
            'the 2 that another seed may change: no difference), compared '
            'with supervised training of equal cost.') in text
    assert 'One seed: differences below 1 to 2 points mean nothing' in text
    assert 'A short schedule, 25% of' in text
    assert 'validation images' not in text


def test_spread_of_seeds_decides():
    text = report(
        results([30., 31.], [36., 35.], [35., 39.], [39., 36.]), IMAGES, 1.)
    assert 'labeled images brought +5.0 mIoU.' in text
    assert '+0.5 mIoU (within the spread of the seeds: no' in text
    assert '37.0 +- 2.8' in text
    assert 'One seed' not in text and 'short schedule' not in text


def test_loss_is_told_and_few_validation_images():
    text = report(
        results([30.], [36.], [40.], [35.]), dict(IMAGES, validation=7), 1.)
    assert 'brought -5.0 mIoU, compared' in text
    assert 'Only 7 validation images' in text
