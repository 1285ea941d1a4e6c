"""Nodes at the other end of channels that carry bulk bytes."""

import time

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


RECORD = numpy.dtype([("x", "<f4"), ("count", "<i8"), ("box", "u1", (2, 2))], align=True)


class MakeRecords:
    """Makes as many records as it is asked for."""

    def process(self, length):
        return self.records(length)

    @staticmethod
    def records(length):
        records = numpy.zeros(length, RECORD)
        records["x"] = numpy.arange(length) / 2
        records["count"] = -1
        records["box"][:, 1, 0] = 7
        return records


class AreRecords:
    """Whether they are those that the other makes, and may be written to."""

    def process(self, records):
        expected = MakeRecords.records(len(records))
        is_same = records.dtype == RECORD and bool((records == expected).all())
        records["x"] = 0
        return is_same


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


class KeepOn:
    """Keeps what it got also after a run; whether that lies in shared memory."""

    def __init__(self):
        self.kept = []

    def process(self, array):
        self.kept.append(array)
        return type(array.base).__name__ == "Lent"

    def forget(self):
        self.kept.clear()


class MakeMebibyte:
    def process(self, number):
        return numpy.full(1 << 20, number % 251, "u1")


class Slow:
    def process(self, array):
        time.sleep(0.02)
        return int(array[0])


class Cycles:
    """Leaves each array in garbage that refers to itself."""

    def process(self, array):
        cycle = [array]
        cycle.append(cycle)
        return int(array[0])
