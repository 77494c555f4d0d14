rule train:
    """One network, or one per frame trained together, overfitted to a video."""
    input:
        MADE["video"],
    output:
        model=MADE["train"],
        history=HISTORY,
    params:
        **spec_of("train"),
        unseen=lambda wildcards, input: plan.unseen(wildcards.model),
    wildcard_constraints:
        model=models(plan.is_trained),
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
    """An existing checkpoint as a network of the experiment, instead of training."""
    input:
        video=MADE["video"],
        checkpoints=checkpoint_input,
    output:
        MADE["train"],
    params:
        **spec_of("train"),
    wildcard_constraints:
        model=models(plan.is_imported),
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


rule make_module:
    """A network that a function of the user's makes, with its weights, instead of training."""
    input:
        video=MADE["video"],
        checkpoints=checkpoint_input,
    output:
        MADE["train"],
    params:
        **spec_of("train"),
    wildcard_constraints:
        model=models(plan.module_of),
    log:
        "logs/module/{video}/{model}/seed{seed}.log",
    benchmark:
        "logs/benchmarks/module/{video}/{model}/seed{seed}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/module.py"
