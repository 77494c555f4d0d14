from xinc.canvas.writer import write_canvas_layer
from xinc.experiment.job import job

settings = snakemake.params.settings
with job(snakemake):
    write_canvas_layer(snakemake.input[0], snakemake.output[0], settings["layer"], settings["canvas"])
