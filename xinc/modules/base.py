"""What every network made of a torch module has, however its layers were found."""

from __future__ import annotations

from typing import Any

from torch import nn

from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.declared import ARCHITECTURE
from xinc.modules.given import Given
from xinc.settings import StrictModel


class FromModule(INR):
    """A torch module with inputs for each frame.

    Parameters
    ----------
    module : the module.
    given : its inputs, by frame.

    Attributes
    ----------
    made_by : of one that a declared function made (`xinc.modules.declared`), the declared name, and the distribution
        and version that it came from; of any other, the module's class.
    """

    registered = False
    of_colours = False

    def __init__(self, module: nn.Module, given: Given) -> None:
        nn.Module.__init__(self)
        wide = next((name for name, one in module.named_parameters() if one.is_complex()), None)
        if wide is not None:
            raise InputError(
                f"The parameter '{wide}' of this {type(module).__name__} is complex, as those of WIRE: networks of "
                "complex values cannot be dissected yet."
            )
        self.module, self.given = module, given
        self.name = type(module).__name__  # type: ignore[misc]
        self.settings, self.seed, self.outcome = StrictModel(), 0, {}
        self.frames, self.num_frames = given.frames, len(given.frames)
        kind = type(module)
        self.made_by = {"module": f"{kind.__module__}:{kind.__qualname__}"}

    def description(self) -> dict[str, Any]:
        return {
            "architecture": ARCHITECTURE,
            **self.made_by,
            "inputs": self.given.digest(),
            "resolution": list(self.resolution),
            "frames": list(self.frames),
            "num_frames": self.num_frames,
        }
