"""The deployed bastion, really booted on this machine: no account, no cost.

``instance`` says what boots. ``image`` builds the system that it boots on, ``machines`` boots it: ``qemu`` is the
faithful one, ``nspawn`` the fast one. Around it stands what a bastion finds in AWS: ``metadata`` is its instance
metadata service, ``s3_front`` its S3 (in front of the local AWS), ``dns_and_packages`` its names and packages, all in a
network of their own (``isolation``). ``rehearsal`` ties them together.
"""
