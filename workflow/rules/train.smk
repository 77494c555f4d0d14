rule train:
    """One network, or one per frame trained together, overfitted to a video."""
    input:
        "results/{video}/video.zarr",
    output:
        model="results/{video}/{model}/seed{seed}/model.pt",
        history="results/{video}/{model}/seed{seed}/history.csv",
    params:
        spec=lambda wildcards: plan.train_spec(wildcards.video, wildcards.model, wildcards.seed),
    log:
        "logs/train/{video}/{model}/seed{seed}.log",
    benchmark:
        "logs/benchmarks/train/{video}/{model}/seed{seed}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: lambda wildcards: plan.threads(wildcards.model)
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=lambda wildcards: plan.gpus(wildcards.model, "train"),
    script:
        "../scripts/train.py"
