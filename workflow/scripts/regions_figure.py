from xinc.experiment.job import job
from xinc.video.figures.regions import draw_regions

with job(snakemake):
    name = snakemake.params.settings["name"]
    draw_regions(snakemake.input.regions, snakemake.input.video, snakemake.output[0], name)
