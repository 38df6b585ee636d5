"""Config whose text is formatted once."""
from mmengine.config import Config


class FormattedOnceConfig(Config):
    """Config that formats its text again only after a change.

    mmengine formats the text of a config for the log, the work dir and each
    checkpoint: more than a second each time.

    Args:
        config (Config): Config, which stays unchanged. Its content is shared.

    Example:
        >>> runner = Runner.from_cfg(FormattedOnceConfig(cfg))
    """

    def __init__(self, config: Config):
        self.__setstate__(config.__getstate__())

    @property
    def pretty_text(self) -> str:
        """Formatted text of the config, in Python."""
        content = repr(self.to_dict())
        known = vars(self).get('_formatted')
        if known is None or known[0] != content:
            known = content, super().pretty_text
            # attributes that are set otherwise belong to the content
            vars(self)['_formatted'] = known
        return known[1]
