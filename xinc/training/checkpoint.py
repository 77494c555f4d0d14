"""Checkpoints of a training, so that one that was killed goes on instead of beginning anew."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models.base import INR
from xinc.storage.atomic import whole_file
from xinc.training.settings import UNSEEN, TrainingSettings

#: Name of the folder beside ``model.pt`` that holds a checkpoint while the training lasts.
FOLDER = ".training"


@dataclass
class Checkpoint:
    """The last checkpoint of one training.

    Attributes
    ----------
    path : the file; its folder holds nothing else.
    model : the new network, with its initial weights.
    targets : (frames, 3, H, W), what it is to learn.
    settings : how it is trained.
    code : digest of the code that trains, in the workflow; empty elsewhere.
    """

    path: Path
    model: INR
    targets: Tensor
    settings: TrainingSettings
    code: str = ""

    def __post_init__(self) -> None:
        # Of the weights that training starts from, so before it changes them.
        self._initial = _digest_of(self.model.state_dict().values())

    @cached_property
    def key(self) -> str:
        """Digest of everything that decides what is learnt: who finds another one in a file leaves that file alone."""
        model = self.model
        return _key(
            {
                **model.description(),
                "weights": self._initial,
                "targets": _digest_of([self.targets]),
                "training": self.settings.model_dump(mode="json", exclude=UNSEEN),
                "code": self.code,
                "torch": torch.__version__,
            }
        )

    def read(self) -> dict[str, Any] | None:
        """The state kept last by this very training; None, with a warning where there is a file, if there is none."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._ignored(f"cannot be read ({error.strerror or error})")
            return None
        checksum, _, body = content.partition(b"\n")
        if checksum != _checksum(body):
            self._ignored("is damaged")
            return None
        state: dict[str, Any] = torch.load(io.BytesIO(body), weights_only=True, map_location="cpu")
        if state["key"] != self.key:
            self._ignored("was made with other settings, frames or code")
            return None
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Keep ``state`` (plain builtins and tensors) in place of what was kept before."""
        buffer = io.BytesIO()
        torch.save({"key": self.key} | state, buffer)
        body = buffer.getvalue()
        try:
            with whole_file(self.path) as partial:
                partial.write_bytes(_checksum(body) + b"\n" + body)
        except InputError as error:  # a full disk does not stop training
            warnings.warn(f"No checkpoint was written: {error}", stacklevel=2)

    def remove(self) -> None:
        """Nothing is left to go on with."""
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def _ignored(self, reason: str) -> None:
        warnings.warn(f"The checkpoint {self.path} {reason}: training begins anew.", stacklevel=3)


def _key(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _digest_of(tensors: Iterable[Tensor]) -> str:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(str((tuple(tensor.shape), tensor.dtype)).encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
