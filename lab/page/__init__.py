"""The guide as a page: served on 127.0.0.1 with what is deployed, or written as files to read alone.

- ``chapters``: the guide's Markdown as HTML, and the commands in it; ``results``: those that only read, run
- ``place``: where things of a network stand in the figures; ``figure``: a chapter's figure; ``way``: a packet's way in it
- ``seen``: what the page is about: a deployed stack, or else a template
- ``pieces``: what each address shows; ``server``: who may ask; ``site``: the same as files; ``command``: the command
"""
