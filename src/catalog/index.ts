export { languageOfType, withoutLanguage } from './node-type.js';
export { makeNode, unknownNodeType } from './make-node.js';
export { findTsx, importModule, isModuleFile, stripsTypes } from './module-loader.js';
