"""Who reaches whom: the network as AWS describes it, and what becomes of a packet in it.

- ``network``: a VPC in the facts that decide; ``described`` makes it from AWS, ``templated`` from a template
- ``engine``: the way of one request and of its reply, hop by hop: AWS's rules, each with its page
- ``parties``: who may be asked for; ``ranges``: all ports at once, and everybody at once
- ``explain``: an answer in words; ``changes``: what would have to change; ``analysis``: an answer in the shape of
  boto3's NetworkInsightsAnalysis
- ``analyzer``: AWS's own VPC Reachability Analyzer, to compare with; ``report`` and ``command``: the command
"""
