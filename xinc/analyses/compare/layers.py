"""Which layers of two networks are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xinc.errors import InputError, nearest


def matched_layers(
    first: Sequence[str], second: Sequence[str], wanted: Mapping[str, str], strict: bool = True
) -> list[tuple[str, str]]:
    """Pairs of a layer of the first network and one of the second, in the order of the first.

    Parameters
    ----------
    first, second : names of the layers of either network, in network order.
    wanted : layers of the second network by layers of the first; others are compared where both networks have them.
    strict : refuse names that the networks lack. Otherwise ``wanted`` is for several pairs of networks: an entry counts
        for those that have both layers, in either direction.

    Raises
    ------
    InputError : a layer that is not there, or one that is compared twice; or no layer to compare.

    Examples
    --------
    >>> matched_layers(["block1", "head"], ["layer3", "head"], {})
    [('head', 'head')]
    >>> matched_layers(["layer2", "layer3"], ["block1", "head"], {"head": "layer3"}, strict=False)
    [('layer3', 'head')]
    """
    found = dict(wanted)
    if strict:
        for which, names, known in (("first", found.keys(), first), ("second", found.values(), second)):
            for name in names:
                if name not in known:
                    raise InputError(f"layers: the {which} network has no layer '{name}': {nearest(name, known)}.")
    else:
        turned = {b: a for a, b in found.items()}
        found = {a: b for a, b in (found | turned).items() if a in first and b in second}
    taken = list(found.values())
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise InputError(f"layers: '{twice[0]}' of the second network is given for several layers: give each one once.")
    found |= {name: name for name in first if name in second and name not in found and name not in taken}
    if not found:
        raise InputError(
            f"The networks share no layer: one has {', '.join(first)}, the other {', '.join(second)}; say which belong "
            f"together, e.g. layers: {{{first[-1]}: {second[-1]}}}."
        )
    return [(name, found[name]) for name in first if name in found]
