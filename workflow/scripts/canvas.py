from xinc.experiment.job import imports, job

with imports():
    from xinc.canvas.writer import write_canvas_of

settings = snakemake.params.settings
with job(snakemake):
    of = (settings["layers"], settings["canvas"])
    write_canvas_of(snakemake.input[0], snakemake.output[0], *of, settings.get("module", ""))
