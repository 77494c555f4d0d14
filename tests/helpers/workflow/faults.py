"""What goes wrong outside the workflow, what comes of it, and the test that shows it."""

from __future__ import annotations

#: Fault, outcome, test; several tests where one does not show all of it.
FAULTS: list[tuple[str, str, str | tuple[str, ...]]] = [
    (
        "`kill -9` of the run and its jobs at random moments while a job works, six times each in training, canvases, "
        "analyses",
        "after `--unlock` and `--rerun-incomplete`, all results are bit-identical to an undisturbed run; in between, "
        "any result that exists is too, to its last byte; unfinished ones lie beside it, hidden, until the "
        "job is done again",
        "tests/workflow/test_kill.py::test_killed_again_and_again",
    ),
    (
        "`kill -9` of a long training",
        "it continues from its last checkpoint, to the same bits",
        "tests/workflow/test_resume.py::test_a_killed_run",
    ),
    (
        "`kill -9` of a long training with all results on object storage",
        "on the same machine, it continues from its last checkpoint",
        "tests/workflow/test_object_storage.py::test_results_go_there_and_stay",
    ),
    (
        "a disk that fills up",
        "the job fails and says so; finished results stay, half-written ones do not; with free space, the rest is made",
        "tests/workflow/test_faults.py::test_a_full_disk",
    ),
    (
        "a disk that is full before anything runs, a read-only folder, a file where a folder is expected",
        "one sentence",
        (
            "tests/experiment/test_failures.py::test_what_the_system_refuses_snakemake",
            "tests/workflow/test_failures.py::test_what_snakemake_itself_would_answer_with_a_traceback",
        ),
    ),
    (
        "a home directory that is missing or cannot be written",
        "one sentence that says what to set; the library alone compiles without a cache, with a warning",
        (
            "tests/experiment/test_start.py::test_a_home_that_cannot_hold_a_cache",
            "tests/runtime/test_compiling.py::test_without_a_place_for_it",
        ),
    ),
    (
        "a machine without enough memory",
        "the job fails with one sentence that says how much was asked for",
        "tests/experiment/test_failures.py::test_memory_that_is_used_up",
    ),
    (
        "a folder that cannot be written",
        "Snakemake says which one and why; nothing is made",
        "tests/workflow/test_faults.py::test_a_folder_that_cannot_be_written",
    ),
    (
        "a flipped bit in a stored video, canvas or network",
        "jobs that need it fail and name the store; once removed, it is made again",
        "tests/workflow/test_faults.py::test_a_flipped_bit_of_an_input",
    ),
    (
        "flipped bytes and cuts, sampled over every chunk of a store",
        "found when it is read",
        "tests/storage/test_damage.py::test_every_flipped_byte_of_every_chunk_is_found",
    ),
    (
        "a chunk of a canvas damaged or missing",
        "one sentence that names the canvas",
        (
            "tests/canvas/test_damage.py::test_damaged_chunks_are_an_error_when_read",
            "tests/canvas/test_damage.py::test_missing_chunks",
        ),
    ),
    (
        "a frame that cannot be read; a movie that was cut short",
        "one sentence that names the file (and the frame that a movie lacks), before any training",
        "tests/workflow/test_failures.py::test_a_frame_that_cannot_be_read_stops_before_training",
    ),
    (
        "a movie cut short, as MP4, AVI and Matroska, which does not tell its number of frames",
        "it is not mistaken for a shorter one",
        "tests/video/test_sources.py::test_a_truncated_movie_is_not_taken_for_a_shorter_one",
    ),
    (
        "a broken link, a folder or a file without permission among the frames or masks",
        "one sentence that names it, before anything is planned",
        (
            "tests/workflow/test_failures.py::test_a_link_that_leads_nowhere_is_told_of_at_once",
            "tests/experiment/test_input_digests.py::test_what_cannot_be_read_is_found_without_reading",
            "tests/experiment/test_input_digests.py::test_a_file_of_somebody_else",
        ),
    ),
    (
        "a training below `min_psnr`",
        "it fails and says what to change; old results are not taken for new ones",
        "tests/workflow/test_failures.py::test_a_network_that_stays_below_min_psnr",
    ),
    (
        "a GPU without enough memory for a reduction (simulated)",
        "smaller blocks, with one warning; without memory for a single map, on the CPU",
        (
            "tests/canvas/test_reductions.py::test_memory_of_the_gpu_runs_out",
            "tests/canvas/test_reductions.py::test_one_map_is_too_large_for_the_gpu",
        ),
    ),
    (
        "a GPU without enough memory to write or read maps (simulated)",
        "smaller blocks, with one warning; without memory for a single map, on the CPU",
        (
            "tests/canvas/test_gpu_memory.py::test_dense_maps_in_smaller_blocks",
            "tests/canvas/test_gpu_memory.py::test_dense_maps_on_the_cpu",
            "tests/canvas/test_gpu_memory.py::test_a_dissected_network",
        ),
    ),
    (
        "a GPU without enough memory for a pass through the network (simulated)",
        "on the CPU, with one warning",
        "tests/canvas/test_gpu_memory.py::test_a_pass_on_the_cpu",
    ),
    (
        "a GPU without enough memory for a step of training (simulated)",
        "the step in parts, with one warning, the same up to rounding",
        "tests/training/test_gpu_memory.py::test_a_step_in_parts",
    ),
    (
        "a GPU without enough memory for the network, the frames or one frame of a step (simulated)",
        "the training ends with one sentence",
        "tests/training/test_gpu_memory.py::test_what_cannot_be_divided_is_one_sentence",
    ),
    (
        "a GPU that no longer has enough memory for one frame of a step, in the middle of a training (simulated)",
        "one sentence and no network; its checkpoint stays, and training continues from it once there is memory",
        "tests/training/test_resume.py::test_a_training_for_which_a_gpu_has_no_memory_keeps_its_checkpoint",
    ),
    (
        "a GPU without enough memory for anything else, such as a user's own analysis (simulated)",
        "the job fails with one sentence",
        "tests/runtime/test_gpu_memory.py::test_a_job_that_runs_out_ends_in_one_sentence",
    ),
    (
        "two runs in one folder",
        "the second stops at once and says why, the first ends well",
        "tests/workflow/test_faults.py::test_two_runs_in_one_folder",
    ),
    (
        "blanks, quotes, letters of any alphabet and symbolic links in the paths of the project, its interpreter and "
        "videos; links in place of `results` and `logs`",
        "work; a second run does nothing",
        "tests/workflow/test_places.py::test_blanks_and_letters_of_any_alphabet_and_links_in_paths",
    ),
    (
        "a job killed for memory on a cluster",
        "tried again with twice the memory",
        "tests/workflow/test_slurm.py::test_a_job_killed_for_memory_gets_more",
    ),
    (
        "a job beyond its time limit on a cluster (run with `XINC_PATIENT=1`, not in continuous integration)",
        "tried again with twice the time",
        "tests/workflow/test_slurm.py::test_a_job_that_takes_too_long_gets_more_time",
    ),
]
