// Loaded before a program, this hides the optional add-on from it.
const Module = require('node:module');

const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  if (request === 'koffi') throw Object.assign(new Error('koffi is hidden'), { code: 'MODULE_NOT_FOUND' });
  return resolve.call(Module, request, ...rest);
};
