from xinc.experiment.job import job_log
from xinc.video.regions import RegionSettings, prepare_regions

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    prepare_regions(snakemake.input[0], snakemake.output[0], RegionSettings(**snakemake.params.spec["settings"]))
