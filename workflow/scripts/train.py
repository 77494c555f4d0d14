from xinc.experiment.job import imports, job

with imports():
    from xinc.experiment.provenance import digest
    from xinc.training.run import train_model
    from xinc.training.settings import TrainingSettings

settings = dict(snakemake.params.settings)
training = TrainingSettings(**settings.pop("training") | snakemake.params.unseen)
code = digest(snakemake.params.code)
with job(snakemake):
    train_model(snakemake.input[0], *snakemake.output, training=training, code=code, **settings)
