class Shape {
  constructor(name) {
    this.name = name;
  }
  describe() {
    return `a ${this.name}`;
  }
}

module.exports = { Shape };
