from xinc.progress import job_log
from xinc.video.settings import VideoSettings
from xinc.video.store import prepare_video

with job_log(snakemake.log[0], snakemake.threads, snakemake.input):
    prepare_video(VideoSettings(**snakemake.params.spec["settings"]["video"]), snakemake.output[0])
