from xinc.canvas.materialise import materialise_layer
from xinc.experiment.job import job

with job(snakemake):
    materialise_layer(snakemake.input[0], snakemake.output[0], snakemake.params.settings)
