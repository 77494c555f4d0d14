from xinc.canvas.materialise import materialise_layer
from xinc.experiment.job import job_log

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    materialise_layer(snakemake.input[0], snakemake.output[0], snakemake.params.spec["settings"])
