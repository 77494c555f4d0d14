from xinc.canvas.materialise import materialise_layer
from xinc.experiment.job import job

with job(snakemake):
    layer = f"{snakemake.input[0]}/{snakemake.wildcards.layer}"
    materialise_layer(layer, snakemake.output[0], snakemake.params.settings)
