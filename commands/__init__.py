"""The command line beyond serving, a module for each group of commands.

It wires, as app.py does: no room imports it.
"""
