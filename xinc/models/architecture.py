"""Declaration of an architecture: everything that is known of a network before it exists, without PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import AfterValidator, WithJsonSchema

from xinc.errors import InputError
from xinc.settings import StrictModel
from xinc.trace.activations import OURS, spelt_real

if TYPE_CHECKING:
    from xinc.models.base import INR


#: In the schema of the configuration, from which editors complete the names of ours.
ACTIVATION_SCHEMA = {"anyOf": [{"enum": list(OURS)}, {"type": "string", "pattern": r"^[A-Za-z_]\w*(\(.*\))?$"}]}

#: A setting that says an activation, see `xinc.trace.activations`; kept as the shortest string that says it.
ActivationSetting: TypeAlias = Annotated[str, AfterValidator(spelt_real), WithJsonSchema(ACTIVATION_SCHEMA)]


class Architecture:
    """A kind of network: its settings, its layers and what can be asked of it.

    An architecture is a folder: ``__init__`` declares a subclass, registered with ``@architectures.register(name)``,
    and imports no PyTorch, so that a plan of a whole experiment is made at once; ``network`` has the class ``Network``,
    which inherits from that declaration and from `xinc.models.base.INR`. Whoever prefers a single file registers a
    subclass of `INR` itself.
    """

    name: ClassVar[str] = ""
    #: Whether one network represents one frame (FFN, SIREN) rather than the whole video (NeRV).
    per_frame: ClassVar[bool] = False
    #: What a neuron of its layers can be; convolutional layers know kernels only.
    granularities: ClassVar[tuple[str, ...]] = ("kernel", "input", "output")
    #: Settings of the architecture.
    Settings: ClassVar[type[StrictModel]] = StrictModel

    @classmethod
    def check(cls, settings: Any, resolution: tuple[int, int]) -> None:
        """Raise `InputError` where these settings cannot produce frames of this resolution (before any training)."""

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        """Names of the layers that can be dissected, first to last, of a network with these settings."""
        raise NotImplementedError

    @classmethod
    def network_module(cls) -> str:
        """Dotted name of the module with the network."""
        return f"{cls.__module__}.network"

    @classmethod
    def network(cls) -> type[INR]:
        """The class of the network, a PyTorch module; `InputError` where it cannot be imported."""
        name = cls.network_module()
        try:
            found: type[INR] = importlib.import_module(name).Network
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"Architecture '{cls.name}' has no network: a class Network in {name} was expected ({error})."
            ) from error
        return found
