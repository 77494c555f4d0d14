from xinc.experiment.job import job
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings

with job(snakemake):
    prepare_video(VideoSettings(**snakemake.params.settings["video"]), snakemake.output[0])
