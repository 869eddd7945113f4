"""The command `twin`, one file per kind of command; the only place that prints.

    app        all commands, what an error becomes, exit codes
    screen     the two consoles, JSON, problems, the saved traceback
    running    run, fork
    studying   study
    closing    the tables at the end of a run
    warming    warmup
    scenarios  check, show, examples, new, schema
    drawing    what `show` says about a pack
    reading    inspect, report, compare
    plug_ins   plugins, check-plugin
    figures    bench, validate

Everything heavy is imported inside the commands, so that `twin --help` is quick.
"""
