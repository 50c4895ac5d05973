"""The one reader of templates, whether ``cdk synth`` left them in cdk.out or a stack is deployed from them.

- ``synthesised``: the templates in cdk.out
- ``reader``: a template as resources with their names, and which of them is what
- ``deployed``: a stack in AWS: its template, and the ids that its resources have there
- ``values``: what stands in a property: a reference, a text, or something that was not expected there
"""
