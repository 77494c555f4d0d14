rule figure:
    """The figures and animations of one analysis, from its result, and what others state of the same network."""
    input:
        MADE["analysis"],
        quoted_results,
    output:
        report(
            directory(MADE["figure"]),
            patterns=["{part}.png"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        **spec_of("figure"),
        caption=lambda wildcards, input: plan.caption(wildcards.analysis),
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


use rule figure as figure_of_seeds with:
    input:
        MADE["analysis_of_seeds"],
    output:
        report(
            directory(MADE["figure_of_seeds"]),
            patterns=["{part}.png"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        **spec_of("figure_of_seeds"),
        caption=lambda wildcards, input: plan.caption(wildcards.analysis),
    wildcard_constraints:
        analysis=names("seeds"),
    log:
        "logs/figure/{video}/{model}/seeds/{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/{video}/{model}/seeds/{analysis}.tsv"


use rule figure as figure_of_pair with:
    input:
        MADE["analysis_of_pair"],
    output:
        report(
            directory(MADE["figure_of_pair"]),
            patterns=["{part}.png"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        **spec_of("figure_of_pair"),
        caption=lambda wildcards, input: plan.caption(wildcards.analysis),
    wildcard_constraints:
        analysis=names("pair"),
    log:
        "logs/figure/{video}/pairs/{model}-seed{seed}+{other}-seed{other_seed}/{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/{video}/pairs/{model}-seed{seed}+{other}-seed{other_seed}/{analysis}.tsv"


use rule figure as figure_of_project with:
    input:
        MADE["analysis_of_project"],
    output:
        report(
            directory(MADE["figure_of_project"]),
            patterns=["{part}.png", "{part}.html"],
            caption="../report/figure.rst",
            category=lambda wildcards: plan.category(wildcards.analysis),
            labels=labels_of,
        ),
    params:
        **spec_of("figure_of_project"),
        caption=lambda wildcards, input: plan.caption(wildcards.analysis),
    wildcard_constraints:
        analysis=names("project"),
    log:
        "logs/figure/project/{analysis}.log",
    benchmark:
        "logs/benchmarks/figure/project/{analysis}.tsv"
