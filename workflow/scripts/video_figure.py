from xinc.experiment.job import job
from xinc.plotting.settings import FigureSettings
from xinc.video.figures.video import draw_video

settings = snakemake.params.settings
with job(snakemake):
    draw_video(snakemake.input[0], snakemake.output[0], settings["name"], FigureSettings(**settings["figures"]))
