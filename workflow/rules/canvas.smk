rule canvas:
    """Contribution maps of one layer, for the frames the configuration asks for."""
    input:
        "results/{video}/{model}/seed{seed}/model.pt",
    output:
        directory("results/{video}/{model}/seed{seed}/canvas.zarr/{layer}"),
    params:
        spec=lambda wildcards: plan.canvas_spec(wildcards.video, wildcards.model, wildcards.seed, wildcards.layer),
    log:
        "logs/canvas/{video}/{model}/seed{seed}/{layer}.log",
    benchmark:
        "logs/benchmarks/canvas/{video}/{model}/seed{seed}/{layer}.tsv"
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
        "results/{video}/{model}/seed{seed}/canvas.zarr/{layer}",
    output:
        directory("results/{video}/{model}/seed{seed}/dense.zarr/{layer}"),
    params:
        spec=lambda wildcards: plan.materialise_spec(wildcards.video, wildcards.model, wildcards.seed, wildcards.layer),
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
