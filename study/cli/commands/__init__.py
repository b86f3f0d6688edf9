"""The commands: every module of this folder is imported when the command line starts.

So a command is added by a file here, which registers itself with `study.cli.application.app`. Such
a module imports what it needs inside its functions: all of them are loaded for `study --help`.
"""
