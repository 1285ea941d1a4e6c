import { expect, test } from 'vitest';
import { findNode, Node, registeredNodes, registerNode } from './index.js';

abstract class Silent extends Node {
  process(): undefined {
    return undefined;
  }
}

test('a class is found with and without the suffix "Node"', () => {
  class RegistryProbeNode extends Silent {}
  registerNode(RegistryProbeNode);
  expect(findNode('RegistryProbeNode')).toBe(RegistryProbeNode);
  expect(findNode('RegistryProbe')).toBe(RegistryProbeNode);
  expect(findNode('registryProbe')).toBeUndefined();
});

test('the newest class of a name wins, whichever way it was written', () => {
  registerNode(class NewestNode extends Silent {});
  class Newest extends Silent {}
  registerNode(Newest);
  expect(findNode('NewestNode')).toBe(Newest);
  expect(registeredNodes().filter(({ type }) => type.startsWith('Newest'))).toEqual([
    { type: 'Newest', nodeClass: Newest },
  ]);
});

test('a class is registered under another name', () => {
  class Unnamed extends Silent {}
  registerNode(Unnamed, 'Renamed');
  expect(findNode('RenamedNode')).toBe(Unnamed);
  expect(findNode('Unnamed')).toBeUndefined();
});

test('the suffix alone is a name', () => {
  class Lonely extends Silent {}
  registerNode(Lonely, 'Node');
  expect(findNode('Node')).toBe(Lonely);
});

test('all classes are listed by name', () => {
  registerNode(class ZebraNode extends Silent {});
  registerNode(class AardvarkNode extends Silent {});
  const types = registeredNodes().map(({ type }) => type);
  expect(types).toEqual(types.toSorted((a, b) => a.localeCompare(b)));
  expect(types.indexOf('AardvarkNode')).toBeLessThan(types.indexOf('ZebraNode'));
});

test.each([
  ['an instance', new (class extends Silent {})()],
  ['nothing', undefined],
  ['a class without a name', [class extends Silent {}][0]],
])('%s cannot be registered', (_, given) => {
  expect(() => {
    registerNode(given as never);
  }).toThrow(expect.objectContaining({ name: 'InvalidArgumentError', code: 'RM_INVALID_ARGUMENT' }));
});
