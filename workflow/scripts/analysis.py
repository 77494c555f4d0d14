from xinc.experiment.job import imports, job

with imports():
    from xinc.analyses.run import run_analysis
    from xinc.experiment.subjects import subject_from

settings = snakemake.params.settings
with job(snakemake):
    told = settings.get("layers", {}) | settings.get("declared", {})
    subject = subject_from(settings["analysis"], dict(snakemake.input.items()) | told)
    of = {name: value for name, value in snakemake.wildcards.items() if name != "analysis"}
    run_analysis(settings["analysis"], settings["settings"], subject, snakemake.output[0], of)
