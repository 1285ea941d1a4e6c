// A program that answers as ../python-driver/worker.py does: lines of JSON on stdin, answers on descriptor 3.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * Answers until stdin ends, then ends the program: what a peer leaves running would keep it alive.
 * @param cases - name → function of the request's arguments
 * @param end - is called before the end
 */
export async function answerRequests(cases, end) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { case: name, with: args } = JSON.parse(line);
    let answer;
    try {
      answer = { value: await cases[name](args) };
    } catch (error) {
      answer = { error: String(error) };
    }
    writeSync(3, `${JSON.stringify(answer)}\n`);
  }
  await end();
  process.exit();
}
