# Files of jobs, in terms of xinc.experiment.plan and xinc.experiment.paths.
import re


# Where results are taken as they are, no rule makes them.
wildcard_constraints:
    **WILDCARDS | ({"video": "(?!)"} if plan.only_project else {}),


def dense_layers(video, model, seed):
    """The layers of one network's canvas that are written out densely."""
    return [
        path_of("materialise", video=video, model=model, seed=seed, layer=layer) for layer in plan.dense_layers(model)
    ]


def video_input(wildcards):
    """The user's files that a video is made from, whose content is part of the job's spec: their times do not count."""
    return [ancient(file) for file in plan.video_files(wildcards.video)]


def analysis_input(wildcards):
    """What an analysis uses of its network, beside the video."""
    needs = plan.needs(wildcards.analysis)
    found = video_of(wildcards)
    if "model" in needs:
        found["model"] = path_of("train", **wildcards)
        if plan.is_trained(wildcards.model):
            found["history"] = HISTORY.format(**wildcards)
    if "canvas" in needs:
        found["canvas"] = path_of("canvas", **wildcards)
    return found


def seeds_input(wildcards):
    """What an analysis of seeds uses of a model's networks, beside the video."""
    seeds = plan.seeds_of(wildcards.analysis, wildcards.video, wildcards.model)
    of = {"video": wildcards.video, "model": wildcards.model}
    return video_of(wildcards) | {"canvas": [path_of("canvas", **of, seed=seed) for seed in seeds]}


def pair_input(wildcards):
    """What an analysis of two networks uses of them, beside the video."""
    found = video_of(wildcards)
    for prefix, model, seed in (
        ("", wildcards.model, wildcards.seed),
        ("other_", wildcards.other, wildcards.other_seed),
    ):
        if "model" in plan.needs(wildcards.analysis):
            found[f"{prefix}model"] = path_of("train", video=wildcards.video, model=model, seed=seed)
        if "canvas" in plan.needs(wildcards.analysis):
            found[f"{prefix}canvas"] = path_of("canvas", video=wildcards.video, model=model, seed=seed)
    return found


def quoted_results(wildcards):
    """Results of other analyses of the same network that the figures of an analysis quote."""
    video, model = wildcards.video, wildcards.model
    return [
        path_of("analysis", video=video, model=model, seed=wildcards.seed, analysis=name)
        for name in plan.quoted(wildcards.analysis, video, model)
    ]


def video_of(wildcards):
    """The video of an analysis, and what it uses of it beside the frames."""
    used = ["video", *(name for name in ("regions", "flow") if name in plan.needs(wildcards.analysis))]
    return {name: path_of(name, video=wildcards.video) for name in used}


def spec_of(rule):
    """The params of a rule: settings, code and upstream; Snakemake names the one that differs."""

    def param(kind):
        return lambda wildcards: plan.spec(rule, **wildcards).params()[kind]

    return {kind: param(kind) for kind in ("settings", "code", "upstream")}


def every_result():
    """Everything made of single videos."""
    found = [path_of("video_figure", video=video) for video in plan.videos]
    found += [path_of("regions_figure", video=video) for video in plan.videos if plan.uses_regions]
    found += [path_of("canvas", video=video, model=model, seed=seed) for video, model, seed in plan.triples]
    found += [maps for run in plan.triples for maps in dense_layers(*run)]
    found += [path for run in plan.runs() for path in (result_path(*run), figure_path(*run))]
    return found + [
        path for name, pair in plan.pairs() for path in (result_path(name, *pair), figure_path(name, *pair))
    ]


def names(scope):
    """A pattern of the names of all analyses of a scope."""
    return "|".join(plan.analyses_of(scope)) or "(?!)"


def models(made):
    """A pattern of the names of all models that are made in a way: plan.is_trained, is_imported, module_of."""
    return "|".join(re.escape(model) for model in plan.models if made(model)) or "(?!)"


def checkpoint_input(wildcards):
    """The files of a network that is not trained here, whose content is part of the job's spec: their times do not count."""
    return [ancient(file) for file in plan.checkpoint_files(wildcards.video, wildcards.model, wildcards.seed)]


def labels_of(wildcards):
    """What the report says of a figure in its lists."""
    own = {"video": "all", "model": "all", "seed": "all"} | dict(wildcards.items())
    if "other" in own:
        own |= {name: f"{own[name]}, {own[other]}" for name, other in (("model", "other"), ("seed", "other_seed"))}
    return {name: own[name] for name in ("video", "model", "seed")} | {"view": view_of(own["part"])}


def findings_summary():
    """What the first page of the report says of the findings."""
    return summary_of_findings(f"{result_path('findings')}/table.csv") if "findings" in plan.analyses else ""


def faithfulness_summary():
    """What the first page of the report says of how far maps agree with the effect of ablation."""
    runs = [run for run in plan.runs() if run[0] == "faithfulness"]
    return summary_of_faithfulness([(run[2], f"{result_path(*run)}/table.csv") for run in runs])


def growing(amount):
    """A resource that doubles with each further attempt of a job: memory in MB, run time in minutes."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)
