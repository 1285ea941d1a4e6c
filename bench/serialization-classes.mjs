// Classes that go by reference: the other side would import this file.

/** A configured node. */
export class Small {
  name = 'vad';
  threshold = 0.5;
  window = 512;
  labels = ['speech', 'noise'];
  config = { rate: 16000, channels: 1, options: { mode: 'fast', depth: 3 } };
}

/** One of many instances. */
export class Point {
  constructor(index) {
    this.id = index;
    this.name = `item ${index}`;
    this.score = index / 3;
    this.active = index % 2 === 0;
  }
}
