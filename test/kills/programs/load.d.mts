/** Numbers from 0 to 1 that a seed decides. */
export function randomOf(seed: number): () => number;
