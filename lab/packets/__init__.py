"""A VPC out of Linux's own parts, for real packets: no account, no cost, and no root.

Each part of a VPC is a network namespace, a network stack of its own, tied to the next by a pair of virtual cables:

- a host (``bastion``): one address, one way out; what an instance sees;
- its interface (``bastion.eni``): the source/destination check and the security groups, which are stateful, so the
  kernel tracks connections here, for each interface alone;
- ``vpc``, the router: a routing table for each subnet, chosen by the cable that a packet comes from, and the network
  ACLs, which are stateless, so nothing is tracked here. An ACL judges what comes from or goes to another subnet, and
  nothing within a subnet;
- ``igw``, the internet gateway: one public address for one private address, and back;
- a NAT gateway (``nat@public-1``): sends on as itself, from a port that it chooses;
- ``s3``: behind its gateway endpoint (``s3.endpoint``), and on the internet too;
- ``internet``: everybody else, with an address in each range that a rule names.

``rules`` says what the firewalls do, in the words of nftables; ``vpc`` ties the parts together; ``namespaces`` makes
them; ``probes`` sends packets and sees where they arrive; ``keeper`` is the process that holds it all: when it ends,
everything is gone.
"""
