"""Damage in video files: what demuxer, decoder and checksums say of the frames that are read.

A frame that is damaged spoils those that are predicted from it, up to the next key frame; which of them, only the
encoder knows. So two things are said: which frames are damaged, and which may be.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np

from xinc.frames import ranges
from xinc.video.sources.matroska import checked_parts

#: A decoder that notices damage, for codecs whose usual one does not. It only looks on.
_SECOND = {"vp9": "libvpx-vp9"}
#: Codecs in which damaged data decode to other pictures as a rule, without any error.
_BLIND = ("hevc", "vp8", "vp9")
#: A supplemental message of H.265 that holds a checksum of the picture: the NAL unit's two bytes, then its type.
_PICTURE_HASH = b"\x50\x01\x84"

#: Frames are taken for lost where timestamps jump by this many times the usual step, at most this often, and are even
#: elsewhere up to this share of a step, and there are at least so many steps.
_GAP, _RARE, _EVEN, _LEAST_STEPS = 1.75, 0.1, 0.25, 8


class Watch:
    """Looks on while the frames of a file are read.

    Parameters
    ----------
    path, container, stream : the file, opened for reading; the decoder has not been used yet.
    """

    def __init__(self, path: str | Path, container: Any, stream: Any) -> None:
        import av

        self.path, self.codec = path, str(stream.codec_context.name)
        # Not by slices as well: the H.264 decoder then forgets to mark some of the frames that it patched up.
        stream.thread_type = "FRAME"
        matroska = "matroska" in container.format.name
        self._parts = checked_parts(path) if matroska else iter(())
        self._part, self._part_is_sound = range(0), True
        self._checksums = 0
        second = _SECOND.get(self.codec)
        self._second: Any = None
        if second in av.codecs_available:
            self._second = av.CodecContext.create(second, "r")
            self._second.extradata = stream.codec_context.extradata
        self._hashed = False
        self._stream: Any = stream
        self._begun = False
        #: Timestamps of packets known to be damaged.
        self._bad: set[int | None] = set()
        #: Source frames, as far as they were asked for.
        self.damaged: list[int] = []
        self.doubtful: list[int] = []
        #: Timestamps of all frames that were read, eight bytes each.
        self._shown = array("q")
        self._since_anchor: list[int] = []
        self._spreading = False

    def packet(self, packet: Any) -> None:
        """Look at a packet before it is decoded."""
        import av

        if not self._begun:
            self._begun = True
            if self.codec == "hevc" and _PICTURE_HASH in bytes(packet):
                # Only then: otherwise the decoder would also stop at oddities that harm nothing.
                self._hashed = True
                self._stream.codec_context.options = {"err_detect": "crccheck+explode"}
        if packet.pos is not None and not self._in_sound_part(packet.pos):
            self._bad.add(packet.pts)
        if self._second is not None:
            try:
                self._second.decode(packet)
            except av.error.FFmpegError:
                self._bad.add(packet.pts)

    def _in_sound_part(self, position: int) -> bool:
        """Whether the checksum of the part of a Matroska file around a byte agrees, as far as there is one."""
        while position >= self._part.stop:
            part = next(self._parts, None)
            if part is None:
                return True
            self._part, self._part_is_sound = part[0], part[1] is not False
            self._checksums += part[1] is not None
        return self._part_is_sound or position not in self._part

    def frame(self, number: int, frame: Any, wanted: bool) -> None:
        """Look at a frame, the ``number``-th of the file; ``wanted``: whether it is used."""
        self._shown.append(-1 if frame.pts is None else frame.pts)
        damaged = frame.is_corrupt or frame.pts in self._bad
        if damaged:
            self.doubtful += self._since_anchor
            if wanted:
                self.damaged.append(number)
        elif frame.key_frame:
            self._spreading = False
        elif self._spreading and wanted:
            self.doubtful.append(number)
        self._spreading |= damaged
        if not self.predicted_from_both_sides(frame):
            self._since_anchor.clear()
        elif wanted and not damaged and not self._spreading:
            self._since_anchor.append(number)

    @staticmethod
    def predicted_from_both_sides(frame: Any) -> bool:
        """Whether a frame may depend on one that is shown later."""
        from av.video.frame import PictureType

        return bool(frame.pict_type in (PictureType.B, PictureType.BI))

    def notes(self) -> list[str]:
        """What is to be said of the frames that were used."""
        lost = self._lost()
        said = []
        if lost:
            said.append(
                f"In '{self.path}', timestamps jump behind source frames {ranges(lost)}: frames seem to be lost there; "
                "copy the file again, or use frames on one side of the gap."
            )
        if not self.damaged and not self.doubtful:
            return said
        found = []
        if self.damaged:
            found.append(f"source frames {ranges(self.damaged)} are damaged")
        if self.doubtful:
            found.append(
                f"source frames {ranges(sorted(self.doubtful))}, up to the next key frame, may be wrong because they "
                "are predicted from damaged ones"
            )
        return [*said, f"In '{self.path}', {' and '.join(found)}: copy the file again, or use other frames."]

    def _lost(self) -> list[int]:
        """The frames that a gap follows, in a file whose rate is even otherwise; it may also vary on purpose."""
        steps = np.diff(np.frombuffer(self._shown, np.int64))
        if len(steps) < _LEAST_STEPS:
            return []
        usual = np.median(steps)
        gaps = steps >= _GAP * usual
        even = abs(steps[~gaps] - usual) <= _EVEN * usual + 1
        if usual <= 0 or not even.all() or gaps.mean() > _RARE:
            return []
        return [int(at) for at in np.flatnonzero(gaps)]

    def checks(self) -> list[str]:
        """What was checked, and what would not have shown."""
        done = [f"what demuxer and decoder ({self.codec}) report"]
        if self._checksums:
            done.append(f"{self._checksums} checksums of the file")
        if self._hashed:
            done.append("the checksum of each picture")
        if self._second is not None:
            done.append(f"a second decoder ({self._second.name})")
        blind = self.codec in _BLIND and len(done) == 1
        left = "most damage inside a packet" if blind else "damage that leaves a packet decodable"
        return [f"Damage was looked for in {', '.join(done)}; {left} may not show."]
