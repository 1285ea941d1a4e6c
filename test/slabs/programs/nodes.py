"""Nodes at the other end of channels that carry bulk bytes."""

import numpy

from remotemedia.data import AudioFrame


class Describe:
    """Says what an array is, and gives it back as it is."""

    def process(self, array):
        return [str(array.dtype), list(array.shape), float(abs(array).sum()), array.flags.writeable, array]


class Make:
    """Makes an array of a dtype and a length."""

    def process(self, asked):
        dtype, length = asked
        return numpy.arange(length).astype(dtype)


class Negate:
    """Changes what it got in place."""

    def process(self, array):
        numpy.negative(array, out=array)
        return array


class IsWritable:
    def process(self, array):
        return bool(array.flags.writeable)


class First:
    def process(self, array):
        return float(array.flat[0])


class Echo:
    def process(self, item):
        return item


class MediaSize:
    """Says what a media item is and how many bytes it has, and gives it back as it is."""

    def process(self, item):
        data = item.samples.nbytes if isinstance(item, AudioFrame) else len(getattr(item, "data", item))
        return [type(item).__name__, data, item]


class KeepAll:
    def initialize(self):
        self.kept = []

    def process(self, array):
        self.kept.append(array)
        return len(self.kept)
