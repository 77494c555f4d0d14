from xinc.experiment.job import job
from xinc.video.regions import RegionSettings, prepare_regions

with job(snakemake):
    prepare_regions(snakemake.input[0], snakemake.output[0], RegionSettings(**snakemake.params.settings))
