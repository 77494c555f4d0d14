from xinc.experiment.job import job
from xinc.video.flow import FlowSettings, prepare_flow

with job(snakemake):
    prepare_flow(snakemake.input[0], snakemake.output[0], FlowSettings(**snakemake.params.settings))
