from xinc.experiment.job import job_log
from xinc.video.figures.video import draw_video

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    draw_video(snakemake.input[0], snakemake.output[0], snakemake.params.spec["settings"]["name"])
