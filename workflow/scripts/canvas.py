from xinc.canvas.writer import write_canvas_layer
from xinc.experiment.job import job_log

settings = snakemake.params.spec["settings"]
with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    write_canvas_layer(snakemake.input[0], snakemake.output[0], settings["layer"], settings["canvas"])
