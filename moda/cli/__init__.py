"""The command line: one sub-command a use, every option from moda.settings."""
