from xinc.experiment.job import job_log
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings

with job_log(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    prepare_video(VideoSettings(**snakemake.params.spec["settings"]["video"]), snakemake.output[0])
