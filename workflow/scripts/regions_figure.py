from xinc.experiment.job import job_log
from xinc.video.figures.regions import draw_regions

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    name = snakemake.params.spec["settings"]["name"]
    draw_regions(snakemake.input.regions, snakemake.input.video, snakemake.output[0], name)
