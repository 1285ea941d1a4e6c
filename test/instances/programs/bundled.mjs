// To be bundled with remotemedia in it.
import { Node, Pipeline } from 'remotemedia';
import { serialize } from 'remotemedia/serialization';

class Doubles extends Node {
  process(value) {
    return value * 2;
  }
}

console.log(JSON.stringify(await new Pipeline([new Doubles()]).run([1, 2])));
for (const attempt of [
  () => new Pipeline([new Doubles({ executor: 'worker' })]).run([1]),
  () => serialize(new Doubles()),
]) {
  try {
    await attempt();
  } catch (error) {
    console.log(`${error.code} ${error.message}`);
  }
}
