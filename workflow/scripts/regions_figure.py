from xinc.experiment.job import job
from xinc.plotting.settings import FigureSettings
from xinc.video.figures.regions import draw_regions

settings = snakemake.params.settings
with job(snakemake):
    figures = FigureSettings(**settings["figures"])
    draw_regions(snakemake.input.regions, snakemake.input.video, snakemake.output[0], settings["name"], figures)
