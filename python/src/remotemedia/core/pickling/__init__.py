"""Live instances as bytes, and what to say of those that cannot be.

``payload`` is the bytes, ``state`` what is in a node, ``importable`` what travels by value. Only when one was
refused does ``diagnosis`` look for the culprit: ``trace`` pickles once more, into nothing, and notes what is
visited; ``path`` says how the culprit is reached, ``kinds`` why it cannot cross, ``sizes`` what is large.
Nothing here imports cloudpickle before it is used.
"""
