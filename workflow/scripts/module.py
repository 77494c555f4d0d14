from xinc.experiment.job import imports, job

with imports():
    from xinc.modules.declared import write_module

with job(snakemake):
    write_module(snakemake.input.video, snakemake.output[0], snakemake.params.settings)
