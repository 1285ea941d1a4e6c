// A program that has replaced what JavaScript and Node.js have.
import { printCases } from './print-cases.mjs';

globalThis.fetch = (url) => `fetched ${url}`;
Math.random = () => 0.5;
Math.extra = { of: 'the program' };
console.info = console.log.bind(console, 'to the log');
globalThis.URLSearchParams = class Mine {
  found = 'mine';
};

class Service {
  fetch = globalThis.fetch;
}

await printCases({
  'a field': { value: new Service(), behave: (value) => value.fetch('x') },
  'a global that a function uses': { value: () => fetch('y'), behave: (value) => value() },
  'a function of the language': { value: { random: Math.random }, behave: (value) => value.random() },
  'an object beside those of the language': {
    value: { extra: Math.extra },
    behave: (value) => value.extra.of,
  },
  'a class of Node.js': {
    value: new URLSearchParams(),
    behave: (value) => [value.found, value.constructor.name],
  },
  'a function under another name': {
    value: { info: console.info },
    behave: (value) => [typeof value.info, value.info.name],
  },
  'what was not replaced': {
    value: { max: Math.max, log: console.log, URL, set: setTimeout },
    behave: (value) => [
      value.max === Math.max,
      value.log === console.log,
      value.URL === URL,
      value.set === setTimeout,
    ],
  },
});
