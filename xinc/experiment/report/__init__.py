"""The report: one page of HTML with all figures, what they answer, and what they amount to; and words for Snakemake's."""
