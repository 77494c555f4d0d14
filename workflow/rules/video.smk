rule video:
    """Frames of one video at analysis resolution, with masks and flow where it has them."""
    input:
        video_input,
    output:
        directory(MADE["video"]),
    params:
        **spec_of("video"),
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
        MADE["video"],
    output:
        report(
            directory(MADE["video_figure"]),
            patterns=["{part}.png"],
            caption="../report/video.rst",
            category="1. Videos",
            labels=labels_of,
        ),
    params:
        **spec_of("video_figure"),
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
        MADE["video"],
    output:
        directory(MADE["regions"]),
    params:
        **spec_of("regions"),
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
        MADE["video"],
    output:
        directory(MADE["flow"]),
    params:
        **spec_of("flow"),
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
        regions=MADE["regions"],
        video=MADE["video"],
    output:
        report(
            directory(MADE["regions_figure"]),
            patterns=["{part}.png"],
            caption="../report/regions.rst",
            category="1. Videos",
            labels=labels_of,
        ),
    params:
        **spec_of("regions_figure"),
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
