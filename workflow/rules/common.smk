# Which files belong to which job, in terms of xinc.experiment.plan.
import re


# Where results are taken as they are, no rule makes them.
wildcard_constraints:
    video="(?!)" if plan.only_project else "[^/]+",
    model="[^/]+",
    seed=r"\d+",
    layer="[^/]+",
    analysis="[a-z_]+",


def canvas_layers(video, model, seed):
    """The layers of one network's canvas."""
    return [f"results/{video}/{model}/seed{seed}/canvas.zarr/{layer}" for layer in plan.layers(model)]


def dense_layers(video, model, seed):
    """The layers of one network's canvas that are written out densely."""
    return [f"results/{video}/{model}/seed{seed}/dense.zarr/{layer}" for layer in plan.dense_layers(model)]


def video_input(wildcards):
    """The user's files that a video is made from, whose content is part of the job's spec: their times do not count."""
    return [ancient(file) for file in plan.video_files(wildcards.video)]


def analysis_input(wildcards):
    """What an analysis uses of its network, beside the video."""
    run = f"results/{wildcards.video}/{wildcards.model}/seed{wildcards.seed}"
    needs = plan.needs(wildcards.analysis)
    found = {"video": f"results/{wildcards.video}/video.zarr"} | video_extras(wildcards)
    if "model" in needs:
        found["model"] = f"{run}/model.pt"
        if not plan.is_imported(wildcards.model):
            found["history"] = f"{run}/history.csv"
    if "canvas" in needs:
        found["layers"] = canvas_layers(wildcards.video, wildcards.model, wildcards.seed)
    return found


def seeds_input(wildcards):
    """What an analysis of seeds uses of a model's networks, beside the video."""
    seeds = plan.seeds_of(wildcards.analysis, wildcards.video, wildcards.model)
    layers = [layer for seed in seeds for layer in canvas_layers(wildcards.video, wildcards.model, seed)]
    return {"video": f"results/{wildcards.video}/video.zarr", "layers": layers} | video_extras(wildcards)


def video_extras(wildcards):
    """What an analysis uses of its video, beside the frames."""
    needs = plan.needs(wildcards.analysis)
    return {name: f"results/{wildcards.video}/{name}.zarr" for name in ("regions", "flow") if name in needs}


def result_of(analysis, video, model, seed):
    """The directory of a result, of one network or, without a seed, of a model's seeds."""
    return f"results/{video}/{model}/seeds/{analysis}" if seed is None else f"results/{video}/{model}/seed{seed}/{analysis}"


def figures_of(analysis, video, model, seed):
    """The directory of the figures of a result."""
    return f"results/figures/{analysis}/{video}/{model}/{'seeds' if seed is None else f'seed{seed}'}"


def every_result():
    """Everything made of single videos."""
    found = [f"results/figures/videos/{video}" for video in plan.videos]
    found += [f"results/figures/regions/{video}" for video in plan.videos if plan.uses_regions]
    found += [canvas for run in plan.triples for canvas in canvas_layers(*run)]
    found += [maps for run in plan.triples for maps in dense_layers(*run)]
    return found + [path for run in plan.runs() for path in (result_of(*run), figures_of(*run))]


def names(scope):
    """A pattern of the names of all analyses of a scope."""
    return "|".join(plan.analyses_of(scope)) or "(?!)"


def models(imported):
    """A pattern of the names of all models that are imported, or of those that are trained."""
    return "|".join(re.escape(model) for model in plan.models if plan.is_imported(model) == imported) or "(?!)"


def checkpoint_input(wildcards):
    """The files of an imported network, whose content is part of the job's spec: their times do not count."""
    return [ancient(file) for file in plan.checkpoint_files(wildcards.video, wildcards.model, wildcards.seed)]


def labels_of(wildcards):
    """What the report says of a figure in its lists."""
    own = {"video": "all", "model": "all", "seed": "all"} | dict(wildcards.items())
    return {name: own[name] for name in ("video", "model", "seed")} | {"view": view_of(own["part"])}


def caption_of(analysis):
    """What the report says under the figures of an analysis: no part of their specs, for nobody draws it."""
    return plan.caption(analysis)


def findings_summary():
    """What the first page of the report says of the findings."""
    return summary_of_findings("results/project/findings/table.csv") if "findings" in plan.analyses else ""


def growing(amount):
    """A resource of which each further attempt of a job gets twice as much: memory in MB, run time in minutes."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)
