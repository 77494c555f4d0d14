from xinc.analyses.draw import draw_figures
from xinc.experiment.job import job_log

settings = snakemake.params.spec["settings"]
with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    draw_figures(settings["analysis"], settings["settings"], snakemake.input[0], snakemake.output[0])
