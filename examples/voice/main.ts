// Recorded speech → resample → voice activity → recognition → sentiment → a table and JSON lines.
// The TypeScript nodes run in this process, the three live Python objects in a kept Python process: the pipeline is one.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JsonLinesSink, Pipeline, Resampler, startPythonHost, WavSource } from 'remotemedia';
import { FormatUtterance, type FormattedUtterance } from './format-utterance.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const given = process.argv.slice(2);
const recordings = ['austen-0880', 'austen-0890', 'austen-0930'].map(
  (name) => `${folder}recordings/${name}.wav`,
);

const python = await startPythonHost({ path: [folder] });
const detector = await python.create({ module: 'voice_nodes', class: 'SpeechDetector' });
const recognizer = await python.create({ module: 'voice_nodes', class: 'Recognizer' });
const sentiment = await python.create({ module: 'voice_nodes', class: 'Sentiment' });

for (const path of given.length > 0 ? given : recordings) {
  const pipeline = Pipeline.from(new WavSource({ path }))
    .pipe(new Resampler({ sampleRate: 16_000 }))
    .pipe(detector)
    .pipe(recognizer)
    .pipe(sentiment)
    .pipe(new FormatUtterance())
    .pipe(new JsonLinesSink({ path: `${folder}${basename(path, '.wav')}.jsonl` }));
  console.log(`\n${basename(path)}\n  start     end  sentiment        text`);
  for await (const utterance of pipeline.stream()) console.log(row(utterance));
}
console.log(`\n${String(await detector.get('utterances'))} utterances, also as JSON lines in ${folder}`);

function row({ start, end, sentiment: word, score, text }: FormattedUtterance): string {
  return `${start.toFixed(2).padStart(7)} ${end.toFixed(2).padStart(7)}  ${word.padEnd(8)} ${score.toFixed(2).padStart(5)}  ${text}`;
}
