from xinc.experiment.job import job_log
from xinc.video.flow import FlowSettings, prepare_flow

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    prepare_flow(snakemake.input[0], snakemake.output[0], FlowSettings(**snakemake.params.spec["settings"]))
