"""Readers: one file for each kind of raw data. A new data set is a new file here, and no other file changes.

A reader declares what it reads in a literal at its head (agad/spec/datasets.py gives the keys), which planning reads
without importing the file:

    DATASETS = {"name": {"title": …, "class_names": […], "train_counts": […] or None, "channels": 1 or 3, "layout": …}}
    PREFIXES = {"prefix:": {"layout": …}}    for data sets of the user's own, named `prefix:NAME`

and has one function, `find` (agad/data/find.py: Reader), which finds the raw files and returns how to read them.
"""
