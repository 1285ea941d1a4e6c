"""Live instances as bytes, and what to say of those that cannot be.

``payload`` is the bytes, ``state`` what is in a node, ``diagnosis`` the errors. Only when an instance was
refused does the latter look for the culprit: ``trace`` pickles once more, into nothing, and notes what is
visited; ``path`` says how the culprit is reached, ``kinds`` why it cannot cross, and ``sizes`` what is large.
Nothing here imports cloudpickle before it is used.
"""
