"""Declaration shared by multi-layer perceptrons of pixel coordinates."""

from __future__ import annotations

from typing import Any, ClassVar

from xinc.models.architecture import Architecture


class MLPArchitecture(Architecture):
    """A kind of network that exists once for each frame, with layers called layer1, layer2, …"""

    per_frame: ClassVar[bool] = True

    @classmethod
    def layers_of(cls, settings: Any) -> list[str]:
        return [f"layer{k + 1}" for k in range(settings.layers)]
