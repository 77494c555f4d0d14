from xinc.experiment.job import job_log
from xinc.training.run import train_model
from xinc.training.settings import UNSEEN, TrainingSettings

settings = dict(snakemake.params.spec["settings"])
# What nothing shows of in the result is not in its spec.
own = snakemake.config["models"][snakemake.wildcards.model].get("training") or {}
training = TrainingSettings(**settings.pop("training") | {name: own[name] for name in UNSEEN & own.keys()})
with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    train_model(snakemake.input[0], snakemake.output.model, snakemake.output.history, training=training, **settings)
