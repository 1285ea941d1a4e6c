import type { WavTools } from './wav-reader.js';

/** Loads the decoder and what is needed around it: only programs that decode pay for them. */
export async function loadWavTools(): Promise<WavTools> {
  const [reader, mediabunny] = await Promise.all([import('./wav-reader.js'), import('mediabunny')]);
  return { reader, mediabunny };
}
