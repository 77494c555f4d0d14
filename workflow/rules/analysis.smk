def analysis_input(wildcards):
    """What an analysis uses of its network, beside the video."""
    run = f"results/{wildcards.video}/{wildcards.model}/seed{wildcards.seed}"
    needs = plan.needs(wildcards.analysis)
    found = {"video": f"results/{wildcards.video}/video.zarr"}
    if "model" in needs:
        found |= {"model": f"{run}/model.pt", "history": f"{run}/history.csv"}
    if "canvas" in needs:
        found["layers"] = canvas_layers(wildcards.video, wildcards.model, wildcards.seed)
    return found


rule analysis:
    """The labelled result of one analysis of one network."""
    input:
        unpack(analysis_input),
    output:
        directory("results/{video}/{model}/seed{seed}/{analysis}"),
    params:
        spec=lambda wildcards: plan.analysis_spec(
            wildcards.video, wildcards.model, wildcards.seed, wildcards.analysis
        ),
    wildcard_constraints:
        analysis="|".join(plan.analyses) or "(?!)",
    log:
        "logs/analysis/{video}.{model}.seed{seed}.{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/{video}.{model}.seed{seed}.{analysis}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=0,
    script:
        "../scripts/analysis.py"


rule figure:
    """The figures and animations of one analysis, from its result alone."""
    input:
        "results/{video}/{model}/seed{seed}/{analysis}",
    output:
        report(
            directory("results/figures/{analysis}/{video}/{model}/seed{seed}"),
            patterns=["{part}.png", "{part}.gif"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels={"video": "{video}", "model": "{model}", "seed": "{seed}", "view": "{part}"},
        ),
    params:
        spec=lambda wildcards: plan.figure_spec(
            wildcards.video, wildcards.model, wildcards.seed, wildcards.analysis
        ),
    wildcard_constraints:
        analysis="|".join(plan.analyses) or "(?!)",
    log:
        "logs/figure/{video}.{model}.seed{seed}.{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/{video}.{model}.seed{seed}.{analysis}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    script:
        "../scripts/figure.py"
