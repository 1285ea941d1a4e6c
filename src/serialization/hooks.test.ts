import { describe, expect, it } from 'vitest';
import { PayloadError, SerializationError } from '../errors/index.js';
import { deserialize, serialize } from './serialize.js';

const SERIALIZE = Symbol.for('remotemedia.serialize');
const DESERIALIZE = Symbol.for('remotemedia.deserialize');
const REDUCE = Symbol.for('remotemedia.reduce');

describe('a class that extends one with hooks', () => {
  class KnowsItself {
    #sum = 0;
    add(value: number): this {
      this.#sum += value;
      return this;
    }
    get sum(): number {
      return this.#sum;
    }
    [SERIALIZE](): number {
      return this.#sum;
    }
    static [DESERIALIZE](sum: number): KnowsItself {
      return new KnowsItself().add(sum);
    }
  }
  class KnowsThis extends KnowsItself {
    static override [DESERIALIZE](sum: number): KnowsItself {
      return new this().add(sum);
    }
  }
  class Reduced {
    [REDUCE](): unknown[] {
      return [Reduced];
    }
  }

  it('is refused where the hook makes an instance of another class', async () => {
    class Savings extends KnowsItself {
      rate = 3;
    }
    const bytes = await serialize(new Savings().add(5));
    const made = deserialize(bytes);
    await expect(made).rejects.toBeInstanceOf(PayloadError);
    await expect(made).rejects.toThrow(
      'of class Savings gave an instance of KnowsItself instead of an instance of Savings. Use `new this(…)`',
    );
  });

  it('is carried where the hook makes an instance of the class that it is called on', async () => {
    class Savings extends KnowsThis {
      rate = 3;
    }
    const copy = (await deserialize(await serialize(new Savings().add(5)))) as Savings;
    expect([copy.sum, copy.rate, copy.constructor.name]).toEqual([5, 3, 'Savings']);
  });

  it('is refused with its path where reduce names the class above', async () => {
    class Child extends Reduced {}
    const refused = serialize({ child: new Child() });
    await expect(refused).rejects.toBeInstanceOf(SerializationError);
    await expect(refused).rejects.toMatchObject({ path: 'child', kind: 'an instance of Child' });
    const copy = (await deserialize(await serialize(new Reduced()))) as Reduced;
    expect(copy.constructor.name).toBe('Reduced');
  });

  it('is refused where an object inherits from an instance', async () => {
    const child: unknown = Object.create(new KnowsThis());
    await expect(serialize({ child })).rejects.toMatchObject({ path: 'child' });
  });
});
