from xinc.experiment.job import imports, job

with imports():
    from xinc.analyses.draw import draw_figures
    from xinc.plotting.settings import FigureSettings

settings = snakemake.params.settings
with job(snakemake):
    draw_figures(
        settings["analysis"],
        settings["settings"],
        snakemake.input[0],
        snakemake.output[0],
        snakemake.input[1:],
        FigureSettings(**settings["figures"]),
    )
