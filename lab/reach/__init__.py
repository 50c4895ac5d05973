"""Who reaches whom: the network as AWS describes it, and what becomes of a packet in it."""
