"""Check for misspelled argument names in configs."""
import difflib
import inspect
from typing import Optional, Set

from mmengine.registry import Registry

from .input_error import shorten


def known_arguments(kind: type) -> Optional[Set[str]]:
    """Names of the arguments of a class, or None if it takes any.

    Args:
        kind (type): A class. If it passes ``**kwargs`` on to its base
            classes, their arguments count, too.
    """
    known: Set[str] = set()
    for cls in kind.__mro__:
        if '__init__' not in vars(cls) or cls is object:
            continue
        parameters = inspect.signature(cls.__init__).parameters
        known |= {
            name for name, parameter in parameters.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL,
                                      parameter.VAR_KEYWORD)
        } - {'self'}
        if all(parameter.kind is not parameter.VAR_KEYWORD
               for parameter in parameters.values()):
            return known
    return None


def refuse_unknown_arguments(key: str, given: dict, kind,
                             also: tuple = (), without: tuple = (),
                             registry: Optional[Registry] = None) -> None:
    """Raises if a config passes an argument that a class does not take.

    Args:
        key (str): Config key of the arguments, for the error message.
        given (dict): The arguments.
        kind (type | str): Class that takes them, or its registered name. A
            name that is not registered is left to the error of the registry.
        also (tuple[str]): Further names that are allowed. Defaults to ().
        without (tuple[str]): Names that are not allowed, since they are
            filled in. Defaults to ().
        registry (Registry, optional): Registry of the name. Defaults to
            None.

    Raises:
        TypeError: If an argument is unknown; names it and similar arguments.
    """
    if isinstance(kind, str):
        kind = registry.get(kind)
    known = known_arguments(kind) if isinstance(kind, type) else None
    if known is None:
        return
    known = (known | {'type', '_scope_', *also}) - {*without}
    for name in given:
        if name not in known:
            like = difflib.get_close_matches(name, known, 1)
            names = shorten(sorted(known - {'type', '_scope_'}), 20)
            raise TypeError(
                f'{key} has the argument {name!r}, which {kind.__name__} '
                'does not take. ' +
                (f'Do you mean {like[0]!r}? ' if like else '') +
                f'It takes {names}.')
