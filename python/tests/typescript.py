"""TypeScript nodes for tests of Python programs; the fixture ``folder`` writes the module."""

from __future__ import annotations

from typing import Any

PASS = {"node_type": "typescript:PassThrough"}

MODULE = """
export class Upper {
  constructor({ suffix = '' } = {}) { this.suffix = suffix; }
  initialize() {}
  process(text) { return text.toUpperCase() + this.suffix; }
}
export class Failing {
  initialize() {}
  process(item) { if (item === 2) throw new RangeError('two is too much'); return item; }
}
export class Many {
  initialize() {}
  *process(item) { for (let i = 0; i < item; i++) yield i; }
}
export class Printing {
  initialize() {}
  process(item) { console.log('saw', item); return item; }
}
export class Prompting {
  initialize() {}
  process(item) { process.stdout.write(`${item}? `); return item; }
}
export class Exiting {
  initialize() {}
  process() { process.exit(3); }
}
export class Forever {
  initialize() {}
  process(item, { signal }) {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
}
export class Broken {
  initialize() { throw new Error('no model'); }
  process(item) { return item; }
}
export class Source {
  *source() { for (let i = 0; ; i++) yield i; }
  initialize() {}
}
"""


def ts(name: str, **params: Any) -> dict[str, Any]:
    """The entry of a class of the module."""
    return {"node_type": f"./nodes.mjs#{name}", "params": params}
