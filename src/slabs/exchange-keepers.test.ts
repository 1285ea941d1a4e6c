import { beforeEach, describe, expect, it } from 'vitest';
import { Ends, MIB } from '../../test/fixtures/slab-ends.js';
import { Tensor } from '../data/index.js';

const isLinux = process.platform === 'linux';

describe.skipIf(!isLinux)('who keeps a slice', () => {
  let ends: Ends;
  let kept: unknown[];
  const holders = (): unknown[] => ends.ledger.slicesOut().map(({ holder }) => holder?.nodeId);
  const first = { nodeId: 'taker', isOneOfSeveral: true };

  beforeEach(() => {
    ends = new Ends();
    kept = [1, 2, 3].map((value) => ends.cross(new Tensor('uint8', [MIB], new Uint8Array(MIB).fill(value))));
    ends.ledger.credited(2);
  });

  it('is unknown before the consumer has said so', () => {
    expect(holders()).toEqual([undefined, undefined, undefined]);
  });

  it('is the first node, for items that the consumer is done with', () => {
    ends.ledger.takeStatement({ several: true, inside: 0, passed: [] });
    expect(ends.ledger.slicesOut().map(({ holder }) => holder)).toEqual([first, first, undefined]);
    expect(ends.ledger.hasNews).toBe(true);
    expect(kept).toHaveLength(3);
  });

  it('is nobody while it may be between nodes', () => {
    ends.ledger.takeStatement({ several: true, inside: 1, passed: [] });
    expect(holders()).toEqual(['taker', undefined, undefined]);
  });

  it('is what a consumer here says: nobody, or whoever got it from here', () => {
    const later = new Ends();
    later.cross(kept[1]);
    later.ledger.credited(1);
    const said: unknown[] = [];
    ends.table.findKeepers((statement) => said.push(statement));
    expect([later.asked, said]).toEqual([1, []]);
    later.ledger.takeStatement({ several: false, inside: 0, passed: [] });
    ends.ledger.takeStatement(said[0]);
    expect(holders()).toEqual([undefined, 'taker', undefined]);
    ends.table.findKeepers((statement) => said.push(statement));
    later.ledger.takeStatement({ several: false, inside: 0, passed: [['far', false, placeIn(later)]] });
    ends.ledger.takeStatement(said[1]);
    expect(holders()).toEqual([undefined, 'far', undefined]);
    ends.table.findKeepers((statement) => said.push(statement));
    later.ledger.close();
    expect(said[2]).toMatchObject({ passed: [[null, false, expect.any(Array)]] });
  });

  it('is not asked of a consumer that has answered, and each who asks is answered', () => {
    let answers = 0;
    for (let count = 0; count < 3; count++) ends.ledger.ask(() => answers++);
    expect([ends.asked, answers]).toEqual([1, 0]);
    ends.ledger.takeStatement({ several: false, inside: 0, passed: [] });
    expect([answers, ends.ledger.isAsking]).toEqual([3, false]);
  });

  it.each([
    null,
    {},
    { several: 1, inside: 0, passed: [] },
    { several: true, inside: -1, passed: [] },
    { several: true, inside: 0, passed: [['a', false, [1]]] },
    { several: true, inside: 0, passed: [[5, false, []]] },
  ])('is refused where it is nonsense: %j', (payload) => {
    expect(() => {
      ends.ledger.takeStatement(payload);
    }).toThrow('a KEPT is not a map');
  });

  const placeIn = ({ ledger }: Ends): number[] =>
    ledger.slicesOut().flatMap(({ region }) => [region.slab.number, region.offset]);
});
