from xinc.experiment.job import job
from xinc.models.importing import import_model

with job(snakemake):
    import_model(snakemake.input.video, snakemake.output[0], snakemake.params.settings)
