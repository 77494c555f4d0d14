rule report:
    """All figures with what they answer, and what they amount to, on one page."""
    input:
        lambda wildcards: [path for paths in plan.reported() for path in paths],
    output:
        MADE["report"],
    params:
        **spec_of("report"),
    log:
        "logs/report.log",
    benchmark:
        "logs/benchmarks/report.tsv"
    conda:
        "../envs/xinc.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    script:
        "../scripts/report.py"
