"""Makes the files of ``data`` from published packages: words, number words, names in many scripts.

Run by hand when an input changes; nothing of it is imported by the build. ``data/README.md`` names the inputs.
"""
