"""Networks that other code trained: a module for each checkpoint layout, and safe reading of files."""

#: Least PSNR, in dB, of an imported network against its video, unless the user says otherwise.
MIN_PSNR = 15.0
