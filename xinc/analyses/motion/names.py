"""Names of the areas of a frame and of the kinds of motion."""

#: Parts of a frame, see `xinc.analyses.motion.areas.areas_of`.
AREAS = ("moving", "revealed", "still")
#: What is correlated with the fluctuation: the length of the flow, and of the flow relative to the camera's.
KINDS = ("flow", "relative")
