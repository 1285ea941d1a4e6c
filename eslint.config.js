import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import vitest from '@vitest/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The rooms of src/, lowest first. A room imports only rooms listed above it here, and those through their
 * index.ts. What stands outside a room (src/index.ts, src/api) sees all of them, and no room imports it.
 */
const ROOMS = [
  'errors',
  'logging',
  'data',
  'wire',
  'node',
  'nodes',
  'manifest',
  'catalog',
  'serialization',
  'slabs',
  'protocol',
  'plan',
  'segment',
  'channels',
  'hosts',
  'hosting',
  'runtime',
  'testing',
  'engine',
  'cli',
];

/** Above the rooms: the public API and what it is put together from. */
const ABOVE_ROOMS = ['index.ts', 'api', 'api.ts'];

const SRC = join(import.meta.dirname, 'src');
const TESTS = ['**/*.test.ts', '**/*.test-d.ts', 'test/**'];
const LOOSE = [...TESTS, 'bench/**', 'examples/**', 'scripts/**'];
const CONFIG_FILES = ['*.config.{js,ts}'];

checkThatEveryFolderIsARoom();

export default defineConfig(
  globalIgnores(['dist/', 'docs/api/', 'coverage/', '.cache/', '.venv/', 'python/']),
  {
    files: ['**/*.{ts,js,mjs}'],
    extends: [
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      importX.flatConfigs.typescript,
    ],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      'import-x/no-duplicates': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Numbers and booleans read well in a message.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `process.env['NAME']` shows that the key is no declared property.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Cancelling rejects with `signal.reason`, and a node may throw anything: both pass through as they are.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      // An async method without `await` turns what it throws into a rejection, which its contract may ask for.
      '@typescript-eslint/require-await': 'off',
      // It asks for `!`, which strict forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: TESTS,
    rules: {
      'no-console': 'error',
      'import-x/no-restricted-paths': ['error', { basePath: SRC, zones: [...orderZones(), ...entryZones()] }],
    },
  },
  {
    files: ['src/**/*.test.ts'],
    rules: { 'import-x/no-restricted-paths': ['error', { basePath: SRC, zones: entryZones() }] },
  },
  {
    files: LOOSE,
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/class-literal-property-style': 'off',
    },
  },
  {
    files: TESTS,
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.test.ts'],
    plugins: { vitest },
    rules: {
      'vitest/valid-expect': 'error',
      'vitest/expect-expect': [
        'error',
        { assertFunctionNames: ['expect', 'expectTypeOf', 'expect*', 'assert*', 'fc.assert'] },
      ],
      'vitest/no-focused-tests': 'error',
      'vitest/no-identical-title': 'error',
      'vitest/no-standalone-expect': 'off',
    },
  },
  // Default exports are what these tools load.
  { files: [...CONFIG_FILES, 'test/fixtures/**'], rules: { 'import-x/no-default-export': 'off' } },
  // Plain JavaScript belongs to no tsconfig.
  {
    files: ['**/*.{js,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
  },
);

/** One zone for each room: of src/, it may import itself and the rooms listed above it. */
function orderZones() {
  return ROOMS.map((room, index) => ({
    target: `./${room}`,
    from: '.',
    except: ROOMS.slice(0, index + 1).map((allowed) => `./${allowed}`),
    message: `The room ${room}/ may import only rooms that ROOMS in eslint.config.js lists above it: ${ROOMS.slice(0, index).join(', ') || 'none'}.`,
  }));
}

/** One zone for each room: all others enter it through its index.ts. */
function entryZones() {
  return ROOMS.map((room) => ({
    target: [...ROOMS.filter((other) => other !== room), ...ABOVE_ROOMS].map((other) => `./${other}`),
    from: `./${room}`,
    except: ['./index.ts'],
    message: `The room ${room}/ is entered through its index.ts.`,
  }));
}

/** A folder that no list names would be under no rule. */
function checkThatEveryFolderIsARoom() {
  if (!existsSync(SRC)) return;
  const known = [...ROOMS, ...ABOVE_ROOMS];
  const strangers = readdirSync(SRC).filter((name) => !known.includes(name));
  if (strangers.length > 0) {
    throw new Error(`src/${strangers.join(', src/')}: not a room. Add it to ROOMS in eslint.config.js.`);
  }
}
