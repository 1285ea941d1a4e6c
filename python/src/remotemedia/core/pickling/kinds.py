"""Why an object cannot cross and what to do, by the names of its classes: nothing is imported for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects that cannot cross for the same reason.

    Attributes:
        reason: what it is, as a sentence; or what makes one of the object.
        suggestion: what to do.
    """

    reason: str | Callable[[Any], str]
    suggestion: str

    def reason_of(self, target: Any) -> str:
        """The sentence for one object."""
        return self.reason if isinstance(self.reason, str) else self.reason(target)


_SET_TO_NONE = "and set the field to None there"
_LEAVE_OUT = "or leave it out in __getstate__()"
_CLEANUP = "cleanup(), which runs before serialization"
OWN_WORDS_SUGGESTION = f"Make it in initialize() and set it to None in {_CLEANUP}; {_LEAVE_OUT}."
_ASYNC_SUGGESTION = f"Start it in initialize(), and in {_CLEANUP}, end it and set the field to None."


def _of_file(target: Any) -> str:
    name: Any = getattr(target, "name", None)
    mode: Any = getattr(target, "mode", None)
    details = [repr(name)] if isinstance(name, str) else []
    details += [f"mode {mode!r}"] if isinstance(mode, str) else []
    shown = f" ({', '.join(details)})" if details else ""
    return f"It is {'a closed' if target.closed else 'an open'} file{shown}."


def _of_class(words: str) -> Callable[[Any], str]:
    return lambda target: f"It is {words} ({type(target).__module__}.{type(target).__qualname__})."


def _with_article(class_name: str) -> str:
    words = class_name.replace("_", " ")
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


_FILE = Kind(
    _of_file,
    f"Open it in initialize() and close it in {_CLEANUP}, {_SET_TO_NONE}; {_LEAVE_OUT}.",
)
_LOCK = Kind(
    _of_class("a lock or made of one"),
    "Make it in initialize() and set it to None in cleanup(), or leave it out in __getstate__() and make it "
    "in __setstate__(); each process has its own.",
)
_SOCKET = Kind(
    _of_class("a socket or other system handle"),
    f"Keep the address; connect in initialize() and close in {_CLEANUP}, {_SET_TO_NONE}.",
)
_GENERATOR = Kind(
    lambda target: f"It is {_with_article(type(target).__name__)}: a function that has begun cannot move.",
    "Keep the function and its arguments, and call it in initialize() or process().",
)
_DATABASE = Kind(
    _of_class("a database connection"),
    f"Keep the path or URL; connect in initialize() and close in {_CLEANUP}, {_SET_TO_NONE}.",
)
_THREAD = Kind(
    _of_class("a thread or a pool of them"),
    f"Start it in initialize() and join it in {_CLEANUP}, {_SET_TO_NONE}.",
)
_LOCAL = Kind(_of_class("data of one thread"), OWN_WORDS_SUGGESTION)
_PROCESS = Kind(
    _of_class("a running process or a pool of them"),
    f"Start it in initialize() and end it in {_CLEANUP}, {_SET_TO_NONE}.",
)
_LOOP = Kind(
    _of_class("an event loop, or a future or task of one"),
    _ASYNC_SUGGESTION,
)
_WEAK = Kind(
    _of_class("a weak reference"),
    f"Keep the object itself, or take the reference anew in initialize(); {_LEAVE_OUT}.",
)
_MEMORY = Kind(
    _of_class("a view of memory or a mapped file"),
    "Keep bytes or an array, or the path of the file, and map it in initialize().",
)
_FRAME = Kind(
    _of_class("the state of running code"), "Keep traceback.format_exc() or the text that is needed."
)
_HANDLER = Kind(
    _of_class("a logging handler"),
    "Add it to its logger in initialize() and keep no field of it; loggers themselves cross by name.",
)
_CONTEXT = Kind(
    _of_class("a context variable, or a context or token of one"),
    "Define it at the top of a module and use it from there, rather than keep it in a field.",
)
_NATIVE = Kind(
    _of_class("a handle of native code"),
    f"Keep what it is made from (a path, settings), and make it in initialize(); let go of it in {_CLEANUP}.",
)

_CLASSES: tuple[tuple[Kind, str], ...] = (
    (_FILE, "_io._IOBase tempfile._TemporaryFileWrapper"),
    (_LOCK, "_thread.lock _thread.RLock threading._RLock threading.Condition threading.Event"),
    (_LOCK, "threading.Semaphore threading.Barrier queue.Queue _queue.SimpleQueue"),
    (_LOCK, "multiprocessing.synchronize.SemLock multiprocessing.queues.Queue"),
    (_SOCKET, "_socket.socket select.epoll select.poll select.kqueue selectors.BaseSelector"),
    (_SOCKET, "_ssl._SSLContext _ssl._SSLSocket"),
    (_GENERATOR, "builtins.generator builtins.coroutine builtins.async_generator"),
    (_DATABASE, "sqlite3.Connection sqlite3.Cursor sqlite3.Blob"),
    (_DATABASE, "psycopg.Connection psycopg2.extensions.connection"),
    (_DATABASE, "sqlalchemy.engine.base.Engine sqlalchemy.engine.base.Connection"),
    (_THREAD, "threading.Thread concurrent.futures.thread.ThreadPoolExecutor"),
    (_LOCAL, "_thread._local"),
    (_PROCESS, "subprocess.Popen multiprocessing.process.BaseProcess multiprocessing.pool.Pool"),
    (_PROCESS, "concurrent.futures.process.ProcessPoolExecutor"),
    (_LOOP, "asyncio.events.AbstractEventLoop _asyncio.Future asyncio.futures.Future _asyncio.Task"),
    (_LOOP, "concurrent.futures._base.Future"),
    (_WEAK, "weakref.ReferenceType weakref.ProxyType weakref.CallableProxyType"),
    (_WEAK, "weakref.WeakValueDictionary weakref.WeakKeyDictionary"),
    (_MEMORY, "builtins.memoryview mmap.mmap"),
    (_FRAME, "builtins.frame builtins.traceback"),
    (_HANDLER, "logging.Handler"),
    (_CONTEXT, "_contextvars.ContextVar _contextvars.Context _contextvars.Token"),
    (_NATIVE, "_ctypes._CData ctypes.CDLL builtins.PyCapsule"),
    (_NATIVE, "_cffi_backend._CDataBase _cffi_backend.Lib"),
)
_KINDS: dict[str, Kind] = {name: kind for kind, names in _CLASSES for name in names.split()}


def kind_of(target: Any) -> Kind | None:
    """The kind of an object by its classes, the nearest first; None for one that is not known."""
    for base in type(target).__mro__:
        kind = _KINDS.get(f"{base.__module__}.{base.__qualname__}")
        if kind is not None:
            return kind
    return None


def is_opaque(target: Any) -> bool:
    """Whether an object is of a known kind, and its class does not say how it crosses nevertheless."""
    for base in type(target).__mro__:
        if f"{base.__module__}.{base.__qualname__}" in _KINDS:
            return True
        if any(name in vars(base) for name in ("__getstate__", "__reduce__", "__reduce_ex__")):
            return False
    return False


def singleton_name(target: Any) -> str | None:
    """Where an object is the value of a module's name, such as ``package.module.session``."""
    for module_name, module in list(sys.modules.items()):
        members: Any = getattr(module, "__dict__", None)
        if not isinstance(members, dict) or module_name == "__main__":
            continue
        for name, value in list(members.items()):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            if value is target:
                return f"{module_name}.{name}"
    return None
