from xinc.experiment.job import job
from xinc.experiment.report.page import write_report

with job(snakemake):
    write_report(snakemake.input, snakemake.params.settings, snakemake.output[0], snakemake.threads)
