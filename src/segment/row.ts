/** What a node that stays leaves at its place for the next run of its session. */
export interface Legacy {
  /** There is no next run: lets go of what is open. */
  drop(): void;
}

const rows = new Map<string, Row>();

/** The runs of one session in this process, of which one may leave something to the next. */
export class Row {
  readonly #id: string;
  #runs = 0;
  /** There once something is left: most sessions are never changed. */
  #left: Map<string, Legacy> | undefined;

  private constructor(id: string) {
    this.#id = id;
  }

  /** A run of this row is opened: until it has been closed, what the run before it leaves is kept. */
  static enter(id: string): Row {
    let row = rows.get(id);
    if (row === undefined) rows.set(id, (row = new Row(id)));
    row.#runs++;
    return row;
  }

  /** A run is closed; with the last one, what nobody has taken is dropped. */
  quit(): void {
    if (--this.#runs > 0) return;
    rows.delete(this.#id);
    for (const legacy of this.#left?.values() ?? []) legacy.drop();
    this.#left = undefined;
  }

  /** Leaves something at the place of a node. */
  leave(nodeId: string, legacy: Legacy): void {
    (this.#left ??= new Map()).set(nodeId, legacy);
  }

  /** Takes what was left at the place of a node. */
  take(nodeId: string): Legacy | undefined {
    const legacy = this.#left?.get(nodeId);
    this.#left?.delete(nodeId);
    return legacy;
  }
}
