"""The functions of the loop as methods, one class per area; `opsloop.Client` puts them together.

The areas are those of `sql/code`. A method calls one function and does nothing else.
"""
