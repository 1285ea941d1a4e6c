import { serialize } from 'remotemedia/serialization';

/** Prints values, serialized with the function that says how they behave, and what it says here. */
export async function printCases(cases) {
  const lines = {};
  for (const [name, { value, behave, extra }] of Object.entries(cases)) {
    try {
      const bytes = await serialize({ value, behave, extra });
      lines[name] = { payload: Buffer.from(bytes).toString('base64'), expected: await behave(value) };
    } catch (error) {
      lines[name] = { error: String(error.stack) };
    }
  }
  process.stdout.write(JSON.stringify(lines, (_, value) => (value === undefined ? '(undefined)' : value)));
}
