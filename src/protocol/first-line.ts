/** Reads the one line that a process of ours gets on its standard input, and lets go of that. */
export async function readFirstLine(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    text += chunk as string;
    if (text.includes('\n')) break;
  }
  process.stdin.destroy();
  return text.split('\n', 1)[0] ?? '';
}
