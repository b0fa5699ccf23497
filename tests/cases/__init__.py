"""Inputs that people brought, and what is right about them: each was made from a public report of somebody who could not use a
file, or was told something wrong about it.

The inputs are in `../shared/cases`, with a README each; tests of a theme are in one module. They call the commands as a person
would, in this process, with rules alone unless the model is what a case is about. A case stands for its kind, so tests here ask
for what the person needed, and tests of the room that was mended ask for the cause.

May use everything; nothing imports it.
"""
