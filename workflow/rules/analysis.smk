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
        analysis=names("network"),
    log:
        "logs/analysis/{video}/{model}/seed{seed}/{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/{video}/{model}/seed{seed}/{analysis}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
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
            patterns=["{part}.png"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        spec=lambda wildcards: plan.figure_spec(
            wildcards.analysis, wildcards.video, wildcards.model, wildcards.seed
        ),
    wildcard_constraints:
        analysis=names("network"),
    log:
        "logs/figure/{video}/{model}/seed{seed}/{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/{video}/{model}/seed{seed}/{analysis}.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/figure.py"


use rule analysis as analysis_of_seeds with:
    input:
        unpack(seeds_input),
    output:
        directory("results/{video}/{model}/seeds/{analysis}"),
    params:
        spec=lambda wildcards: plan.seeds_spec(wildcards.video, wildcards.model, wildcards.analysis),
    wildcard_constraints:
        analysis=names("seeds"),
    log:
        "logs/analysis/{video}/{model}/seeds/{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/{video}/{model}/seeds/{analysis}.tsv"


use rule analysis as analysis_of_project with:
    input:
        videos=[f"results/{video}/video.zarr" for video in plan.videos],
        results=lambda wildcards: [result_of(*run) for run in plan.runs_before(wildcards.analysis)],
    output:
        directory("results/project/{analysis}"),
    params:
        spec=lambda wildcards: plan.project_spec(wildcards.analysis),
    wildcard_constraints:
        analysis=names("project"),
    log:
        "logs/analysis/project/{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/project/{analysis}.tsv"


use rule figure as figure_of_seeds with:
    input:
        "results/{video}/{model}/seeds/{analysis}",
    output:
        report(
            directory("results/figures/{analysis}/{video}/{model}/seeds"),
            patterns=["{part}.png"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        spec=lambda wildcards: plan.figure_spec(wildcards.analysis, wildcards.video, wildcards.model),
    wildcard_constraints:
        analysis=names("seeds"),
    log:
        "logs/figure/{video}/{model}/seeds/{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/{video}/{model}/seeds/{analysis}.tsv"


use rule figure as figure_of_project with:
    input:
        "results/project/{analysis}",
    output:
        report(
            directory("results/figures/{analysis}/project"),
            patterns=["{part}.png", "{part}.html"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        spec=lambda wildcards: plan.figure_spec(wildcards.analysis),
    wildcard_constraints:
        analysis=names("project"),
    log:
        "logs/figure/project/{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/project/{analysis}.tsv"
