from xinc.analyses.run import run_analysis, subject_from
from xinc.experiment.job import job_log

settings = snakemake.params.spec["settings"]
with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    subject = subject_from(settings["analysis"], dict(snakemake.input.items()))
    of = {name: value for name, value in snakemake.wildcards.items() if name != "analysis"}
    run_analysis(settings["analysis"], settings["settings"], subject, snakemake.output[0], of)
