import pytest
from mmengine.logging import MMLogger


@pytest.fixture
def warnings_logged(caplog):
    """Function that returns what was logged as a warning so far."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield lambda: [
        record.getMessage() for record in caplog.records
        if record.levelname == 'WARNING'
    ]
    logger.removeHandler(caplog.handler)
