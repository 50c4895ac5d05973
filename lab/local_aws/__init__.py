"""The local AWS: ministack in one process, plus what it lacks for the templates of this project.

``python -m lab.local_aws --port PORT --state DIR`` starts it (``__main__``). ministack answers most requests by itself;
the modules here complete it, through its private parts, which is why it is pinned to one version (``pinned``):

- ``wire``: how EC2's requests and answers look, and how to replace or complete one
- ``addresses``, ``images``, ``instances``, ``interfaces``, ``keys``, ``nat_gateways``, ``network``, ``network_acls``,
  ``security_groups``: what ministack's EC2 forgets or lacks
- ``parameters``: what its CloudFormation says wrongly; ``signals``: the creation policy of an instance
- ``provider`` and ``providers_*``: CloudFormation resource types; each calls the AWS APIs, as CloudFormation does
- ``saving``: a finished stack operation is on disk at once
"""
