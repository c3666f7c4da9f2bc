"""Rows to numbers to pictures: loading, statistics, the paper, tables, figures and the report. Never imports torch."""
