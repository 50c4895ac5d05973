"""The one reader of templates, whether ``cdk synth`` left them in cdk.out or a stack is deployed from them.

- ``synthesised``: the templates in cdk.out
- ``reader``: a template as resources with their names, and which of them is what
- ``values``: what stands in a property: a reference, a text, or something that was not expected there
"""
