rule analysis:
    """The labelled result of one analysis of one network."""
    input:
        unpack(analysis_input),
    output:
        directory(MADE["analysis"]),
    params:
        **spec_of("analysis"),
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


use rule analysis as analysis_of_seeds with:
    input:
        unpack(seeds_input),
    output:
        directory(MADE["analysis_of_seeds"]),
    params:
        **spec_of("analysis_of_seeds"),
    wildcard_constraints:
        analysis=names("seeds"),
    log:
        "logs/analysis/{video}/{model}/seeds/{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/{video}/{model}/seeds/{analysis}.tsv"


use rule analysis as analysis_of_pair with:
    input:
        unpack(pair_input),
    output:
        directory(MADE["analysis_of_pair"]),
    params:
        **spec_of("analysis_of_pair"),
    wildcard_constraints:
        analysis=names("pair"),
    log:
        "logs/analysis/{video}/pairs/{model}-seed{seed}+{other}-seed{other_seed}/{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/{video}/pairs/{model}-seed{seed}+{other}-seed{other_seed}/{analysis}.tsv"


use rule analysis as analysis_of_project with:
    input:
        videos=[path_of("video", video=video) for video in plan.videos],
        results=lambda wildcards: [result_path(*run) for run in plan.runs_before(wildcards.analysis)],
    output:
        directory(MADE["analysis_of_project"]),
    params:
        **spec_of("analysis_of_project"),
    wildcard_constraints:
        analysis=names("project"),
    log:
        "logs/analysis/project/{analysis}.log",
    benchmark:
        "logs/benchmarks/analysis/project/{analysis}.tsv"
