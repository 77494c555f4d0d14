from xinc.progress import job_log
from xinc.training.run import train_model
from xinc.training.settings import TrainingSettings

settings = dict(snakemake.params.spec["settings"])
training = TrainingSettings(**settings.pop("training"))
with job_log(snakemake.log[0], snakemake.threads, snakemake.input):
    train_model(snakemake.input[0], snakemake.output.model, snakemake.output.history, training=training, **settings)
