"""What AWS refuses: one table of rules, applied before a request reaches ministack.

- ``rule``: what a rule is, and the table of all
- ``gate``: reads each service's requests, asks the table, and answers a refusal in the service's own protocol
- ``templates``: the same for the resources that ministack's CloudFormation makes without an API request, and what
  CloudFormation's published schemas say of every resource's properties
- ``quotas``: what a new account may have, unless the local AWS was started with more
- all others: the rules themselves, by service
"""
