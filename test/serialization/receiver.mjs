// Reads what a sender printed, and prints what each value does here, twice: as it came, and after a second round trip.
import { readFileSync } from 'node:fs';
import { deserialize, serialize } from 'remotemedia/serialization';

const lines = JSON.parse(readFileSync(0, 'utf8'));
const results = {};
for (const [name, { payload }] of Object.entries(lines)) {
  if (payload === undefined) continue;
  const attempt = async (bytes) => {
    try {
      const { value, behave } = await deserialize(bytes);
      return await behave(value);
    } catch (error) {
      return String(error.stack);
    }
  };
  const bytes = Buffer.from(payload, 'base64');
  let again;
  try {
    again = await attempt(await serialize(await deserialize(bytes)));
  } catch (error) {
    again = String(error.stack);
  }
  results[name] = { here: await attempt(bytes), again };
}
process.stdout.write(JSON.stringify(results, (_, value) => (value === undefined ? '(undefined)' : value)));
