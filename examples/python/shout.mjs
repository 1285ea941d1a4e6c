// A node for mixed_list.py. Any class with initialize() and process() is one. A .ts file works too, where tsx is installed or Node.js is
// 22.18 or newer.
export class Shout {
  initialize() {}

  process(text) {
    return `${text.toUpperCase()}!`;
  }
}
