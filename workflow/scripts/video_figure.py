from xinc.experiment.job import job
from xinc.video.figures.video import draw_video

with job(snakemake):
    draw_video(snakemake.input[0], snakemake.output[0], snakemake.params.settings["name"])
