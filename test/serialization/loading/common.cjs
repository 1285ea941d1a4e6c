// A CommonJS program: classes of the entry script, of a required module, and a captured require.
const path = require('node:path');
const { Shape } = require('./common-module.cjs');

class Square extends Shape {
  constructor(side) {
    super('square');
    this.side = side;
  }
  area() {
    return this.side ** 2;
  }
  where() {
    return path.basename(require.resolve('./common-module.cjs'));
  }
}

const behave = (square) => [square.area(), square.describe(), square.where(), square instanceof Shape];

import('remotemedia/serialization').then(async ({ serialize }) => {
  const value = new Square(4);
  const payload = Buffer.from(await serialize({ value, behave })).toString('base64');
  process.stdout.write(JSON.stringify({ common: { payload, expected: behave(value) } }));
});
