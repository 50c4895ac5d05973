"""The guide as a page: served on 127.0.0.1 with what is deployed, or written as files to read alone.

- ``chapters``: the guide's Markdown as HTML, and the commands in it; ``results``: those that only read, run
- ``seen``: what the page is about: a deployed stack, or else a template
- ``place``: where things of a network stand in a figure; ``way``: a packet's way in it; ``asking``: who reaches whom
- ``bill``: what other choices would cost
- ``pieces``: what each address shows; ``server``: who may ask; ``site``: the same as files; ``command``: the command
"""
