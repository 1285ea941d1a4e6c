"""In which order threads get a lock."""

import threading

from remotemedia.core.turns import Turns


class Waiters:
    """Threads that wait for a lock that the test has."""

    def __init__(self):
        self.lock = threading.RLock()
        self.turns = Turns(self.lock)
        self.order = []
        self.threads = []
        self.gives_up = threading.Event()

    def add(self, name, *, may_give_up=False):
        """Start one more, and wait until it waits."""
        is_waiting = threading.Event()

        def is_given_up():
            is_waiting.set()
            return may_give_up and self.gives_up.is_set()

        def wait():
            if not self.turns.acquire(is_given_up):
                return
            self.order.append(name)
            self.lock.release()

        thread = threading.Thread(target=wait)
        thread.start()
        self.threads.append(thread)
        assert is_waiting.wait(10)

    def join(self):
        for thread in self.threads:
            thread.join(10)


def never():
    return False


def test_threads_get_it_in_the_order_in_which_they_came_also_who_has_just_given_it_back():
    waiters = Waiters()
    assert waiters.turns.acquire(never)
    for name in range(4):
        waiters.add(name)
    waiters.lock.release()
    assert waiters.turns.acquire(never)
    waiters.order.append("again")
    waiters.lock.release()
    waiters.join()
    assert waiters.order == [0, 1, 2, 3, "again"]


def test_who_gives_up_lets_the_others_go_on():
    waiters = Waiters()
    assert waiters.turns.acquire(never)
    waiters.add("first", may_give_up=True)
    waiters.add("second")
    waiters.gives_up.set()
    waiters.threads[0].join(10)
    waiters.lock.release()
    waiters.join()
    assert waiters.order == ["second"]


def test_a_thread_that_has_it_gets_it_again_while_others_wait():
    waiters = Waiters()
    assert waiters.turns.acquire(never)
    waiters.add("other")
    assert waiters.turns.acquire(never)
    waiters.lock.release()
    assert waiters.order == []
    waiters.lock.release()
    waiters.join()
    assert waiters.order == ["other"]
