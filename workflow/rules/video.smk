rule video:
    """Frames of one video at analysis resolution, with masks and flow where it has them."""
    input:
        video_input,
    output:
        directory("results/{video}/video.zarr"),
    params:
        spec=lambda wildcards: plan.video_spec(wildcards.video),
    log:
        "logs/video/{video}.log",
    benchmark:
        "logs/benchmarks/video/{video}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/video.py"


rule video_figure:
    """What a video holds: frames, masks, flow, as a picture and as an animation."""
    input:
        "results/{video}/video.zarr",
    output:
        report(
            directory("results/figures/videos/{video}"),
            patterns=["{part}.png"],
            caption="../report/video.rst",
            category="1. Videos",
            labels=labels_of,
        ),
    params:
        spec=lambda wildcards: plan.video_figure_spec(wildcards.video),
    log:
        "logs/video_figure/{video}.log",
    benchmark:
        "logs/benchmarks/video_figure/{video}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/video_figure.py"


rule regions:
    """Groupings of the pixels of one video: instances, colours, Gabor responses, grid cells."""
    input:
        "results/{video}/video.zarr",
    output:
        directory("results/{video}/regions.zarr"),
    params:
        spec=lambda wildcards: plan.regions_spec(wildcards.video),
    log:
        "logs/regions/{video}.log",
    benchmark:
        "logs/benchmarks/regions/{video}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=0,
    script:
        "../scripts/regions.py"


rule flow:
    """Optical flow of one video, and what it reveals."""
    input:
        "results/{video}/video.zarr",
    output:
        directory("results/{video}/flow.zarr"),
    params:
        spec=lambda wildcards: plan.flow_spec(wildcards.video),
    log:
        "logs/flow/{video}.log",
    benchmark:
        "logs/benchmarks/flow/{video}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=0,
    script:
        "../scripts/flow.py"


rule regions_figure:
    """How the pixels of one video are grouped."""
    input:
        regions="results/{video}/regions.zarr",
        video="results/{video}/video.zarr",
    output:
        report(
            directory("results/figures/regions/{video}"),
            patterns=["{part}.png"],
            caption="../report/regions.rst",
            category="1. Videos",
            labels=labels_of,
        ),
    params:
        spec=lambda wildcards: plan.regions_figure_spec(wildcards.video),
    log:
        "logs/regions_figure/{video}.log",
    benchmark:
        "logs/benchmarks/regions_figure/{video}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/regions_figure.py"
