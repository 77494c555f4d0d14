"""The implicit neural canvas on disk and in memory: schema, writer, lazy expansion, streaming reductions."""
