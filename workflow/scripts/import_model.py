from xinc.experiment.job import job_log
from xinc.models.imports.run import import_model

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    import_model(snakemake.input.video, snakemake.output[0], snakemake.params.spec["settings"])
