"""The local AWS: ministack in one process, plus what it lacks for the templates of this project.

``python -m lab.local_aws --port PORT --state DIR`` starts it (``__main__``). ministack answers most requests by itself;
the modules here complete it, through its private parts, which is why it is pinned to one version (``pinned``):

- ``resources``: a file for each kind of resource: what EC2 answers about it, and its type in CloudFormation
- ``wire``: how EC2's requests and answers look, and how to replace or complete one
- ``provider``: what a resource type is to CloudFormation; each calls the AWS APIs, as CloudFormation does
- ``owners``, ``parameters``, ``signals``: what CloudFormation says of a stack, and the creation policy of an instance
- ``identities``: the administrator, MFA devices, and what a policy is judged on
- ``rules``: what AWS refuses, put to each request before ministack is asked; ``dry_run`` is asked before that
- ``state``: what is kept on disk, saved as soon as a stack operation has ended
- ``door``: who may ask, and what is answered; ``lifecycle`` starts and stops the server, ``command`` is the command

How to add a resource type:

1. A subclass of ``Provider`` in a file of ``resources``: ``type_name``, the ``schema`` of the properties that it takes
   (all others are refused by name), ``create_only``, ``create`` and ``delete``; ``update`` where more than tags change.
2. What ministack's API lacks for these calls, in the same file, by the decorators of ``wire``.
3. Each private part of ministack that this needs, in ``pinned``.
4. A case in tests/local_aws/test_readback.py that reads back through the API what the template said.
5. What AWS refuses about it in ``rules``, with a case in tests/local_aws/rules that AWS's own documentation settles.

What could go to ministack itself, a type at a time: those that it lacks (EIP, EIPAssociation, FlowLog, Instance,
KeyPair, NatGateway, NetworkAcl, NetworkAclEntry, SubnetNetworkAclAssociation, SecurityGroupEgress and Ingress; IAM's
Group; Budget) as they are, with what their files change in its EC2; and these corrections of its own: the ``Ref`` of
InstanceProfile, the settings of Bucket, the time zone of Schedule. Only ``images``, which makes up images that nobody
downloads, and all outside ``resources`` is for this project alone.
"""
