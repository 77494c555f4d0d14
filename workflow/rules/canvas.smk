rule canvas:
    """Contribution maps of one network, for the layers and frames that the configuration asks for."""
    input:
        MADE["train"],
    output:
        directory(MADE["canvas"]),
    params:
        **spec_of("canvas"),
    log:
        "logs/canvas/{video}/{model}/seed{seed}.log",
    benchmark:
        "logs/benchmarks/canvas/{video}/{model}/seed{seed}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=lambda wildcards: plan.gpus(wildcards.model, "canvas"),
    script:
        "../scripts/canvas.py"


rule materialise:
    """Chosen maps of one layer as dense arrays, for any Zarr reader."""
    input:
        MADE["canvas"],
    output:
        directory(MADE["materialise"]),
    params:
        **spec_of("materialise"),
    log:
        "logs/materialise/{video}/{model}/seed{seed}/{layer}.log",
    benchmark:
        "logs/benchmarks/materialise/{video}/{model}/seed{seed}/{layer}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=0,
    script:
        "../scripts/materialise.py"
