// A CommonJS program that requires ES modules, and extends a class of one.
const { Node } = require('remotemedia');
const { serialize } = require('remotemedia/serialization');

class Doubles extends Node {
  factor = 2;
  process(value) {
    return value * this.factor;
  }
}

const behave = (node) => [node.process(4), node instanceof Node];

(async () => {
  const value = new Doubles();
  const payload = Buffer.from(await serialize({ value, behave })).toString('base64');
  process.stdout.write(JSON.stringify({ required: { payload, expected: behave(value) } }));
})();
