rule train:
    """One network, or one per frame trained together, overfitted to a video."""
    input:
        "results/{video}/video.zarr",
    output:
        model="results/{video}/{model}/seed{seed}/model.pt",
        history="results/{video}/{model}/seed{seed}/history.csv",
    params:
        spec=lambda wildcards: plan.train_spec(wildcards.video, wildcards.model, wildcards.seed),
    wildcard_constraints:
        model=models(imported=False),
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


rule import_model:
    """An existing checkpoint as a network of the experiment, in the place of training."""
    input:
        video="results/{video}/video.zarr",
        checkpoints=checkpoint_input,
    output:
        "results/{video}/{model}/seed{seed}/model.pt",
    params:
        spec=lambda wildcards: plan.train_spec(wildcards.video, wildcards.model, wildcards.seed),
    wildcard_constraints:
        model=models(imported=True),
    log:
        "logs/import/{video}/{model}/seed{seed}.log",
    benchmark:
        "logs/benchmarks/import/{video}/{model}/seed{seed}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/import_model.py"
