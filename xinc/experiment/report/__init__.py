"""The report: one page of HTML with all figures and what they amount to, and the words of Snakemake's report."""
